import { type EvalConfig, evalTransform, FILTERS, type FilterName, type PipelineName } from '@scanline/image'
import type { Field } from '../field.js'
import type { Kind } from '../kind.js'
import { generateImage } from '../preprocessing/generate.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'

const pipelines: Readonly<Record<string, PipelineName>> = {
  mambaout: 'timm-0.6',
  mambavision: 'timm-1.0',
  vim: 'vim',
  efficientvim: 'efficientvim',
}

const triple = (field: Field): [number, number, number] => {
  const [a, b, c] = field.tuple(3).map((f) => f.number())
  return [a, b, c]
}

/** What each field of a case's `config` means. */
const options: Readonly<Record<string, (value: Field) => Partial<EvalConfig>>> = {
  input_size: (value) => ({ inputSize: triple(value) }),
  crop_pct: (value) => ({ cropPct: value.number() }),
  eval_crop_ratio: (value) => ({ cropPct: value.number() }),
  crop_mode: (value) => ({ cropMode: value.oneOf('center', 'squash', 'border') }),
  interpolation: (value) => ({ interpolation: value.oneOf(...(['nearest', ...Object.keys(FILTERS)] as FilterName[])) }),
  mean: (value) => ({ mean: triple(value) }),
  std: (value) => ({ std: triple(value) }),
}

function readConfig(entry: Field): EvalConfig {
  const family = entry.at('family').oneOf(...Object.keys(pipelines))
  const config = entry.at('config')
  config.at('input_size')
  const parts = config.entries().map(([key, value]) => {
    if (!Object.hasOwn(options, key)) value.fail(`unknown option; known are ${Object.keys(options).join(', ')}`)
    return options[key](value)
  })
  return Object.assign({ pipeline: pipelines[family], layout: 'nchw' }, ...parts)
}

/** Whole evaluation transforms: the bytes before normalization, and the tensor. */
export const evalTransforms: Kind = {
  name: 'evaluation transforms',
  matches: (file) => isPreprocessing(file, 'cases', 'family', 'config', 'image'),
  run: async (file, context) => {
    const salt = file.at('salt').string()
    for (const [i, entry] of file.at('cases').list().entries()) {
      const image = generateImage(entry.at('image'), salt)
      const config = readConfig(entry)
      const name = `cases[${i}] ${entry.at('family').string()} ${entry.at('image').at('name').string()} to ${config.inputSize.slice(1).join('x')}`
      await context.part(name, () => {
        const transform = evalTransform(config)
        const pixels = transform.pixels(image)
        const stored = { bytes: entry.maybe('uint8'), floats: entry.maybe('float32_chw') }
        if (!stored.bytes && !stored.floats) entry.fail('needs one of the fields uint8, float32_chw')
        if (stored.bytes) checkExact(context, `${name}, bytes`, imageShape(pixels), pixels.data, stored.bytes)
        if (stored.floats) checkExact(context, `${name}, floats`, transform.shape, transform(image), stored.floats)
      })
    }
  },
}

import {
  type Draws,
  type Image,
  parseRandAugment,
  randomRectangle,
  resizedCrop,
  type TrainConfig,
  trainTransform,
} from '@scanline/image'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import type { Context, Kind } from '../kind.js'
import { generateImage } from '../preprocessing/generate.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { Replay } from '../preprocessing/replay.js'
import { checkExact, imageShape } from '../preprocessing/stored.js'
import { pair } from './random-crop.js'

/** Whole training transforms from their draws, stage by stage, and what configuration strings mean. */
export const trainTransforms: Kind = {
  name: 'training transforms',
  matches: (file) => isPreprocessing(file, 'cases', 'draws', 'args', 'image'),
  run: async (file, context) => {
    for (const entry of file.maybe('parse')?.list() ?? []) checkParsed(context, entry)
    const salt = file.at('salt').string()
    for (const [i, entry] of file.at('cases').list().entries())
      await context.part(`cases[${i}]`, () => runCase(context, `cases[${i}]`, entry, salt))
  },
}

function checkParsed(context: Context, entry: Field): void {
  const text = entry.at('string').string()
  const { operations, layers, probability, magnitude, magnitudeStd, magnitudeMax } = parseRandAugment(text)
  const std = magnitudeStd === Number.POSITIVE_INFINITY ? 'inf' : magnitudeStd
  const found = { operations, layers, probability, magnitude, magnitude_std: std, magnitude_max: magnitudeMax ?? null }
  const wrong = Object.entries(found).filter(([key, value]) => String(value) !== String(entry.record()[key]))
  const note = wrong.map(([key, value]) => `${key} ${value}`).join(', ')
  context.check({ name: text, error: wrong.length, bound: 0, ...(note && { note }) })
}

function readConfig(args: Field): TrainConfig {
  const size = args.at('size')
  const [height, width] = typeof size.value === 'number' ? [size.count(), size.count()] : size.tuple(2).map((f) => f.count())
  const autoAugment = args.maybe('auto_augment')?.string()
  const probability = args.maybe('re_prob')?.number() ?? 0
  const mode = args.maybe('re_mode')?.oneOf('pixel', 'rand', 'const') ?? 'pixel'
  const maxCount = args.maybe('re_count')?.count() ?? 1
  return {
    inputSize: [3, height, width],
    layout: 'nchw',
    crop: { scale: pair(args.at('scale')), ratio: pair(args.at('ratio')) },
    flip: args.at('hflip').number(),
    interpolation: args.at('interpolation').oneOf('bilinear', 'bicubic', 'random'),
    ...(autoAugment && { autoAugment }),
    ...(probability > 0 && { erasing: { probability, mode, maxCount } }),
  }
}

function runCase(context: Context, name: string, entry: Field, salt: string): void {
  const image = generateImage(entry.at('image'), salt)
  const config = readConfig(entry.at('args'))
  const replay = () =>
    new Replay(entry.at('draws'), {
      operations: config.autoAugment === undefined ? [] : parseRandAugment(config.autoAugment).operations,
      noise: (values) => values.set(fillInput('pixels', [values.length], salt)),
    })
  const stage = (key: string, config: TrainConfig) => {
    const stored = entry.maybe(key)
    if (!stored) return
    const out = pixelsOf(config, image, replay())
    checkExact(context, `${name} ${key}`, imageShape(out), out.data, stored)
  }
  const { autoAugment, ...plain } = config
  const stored = entry.maybe('after_crop')
  if (stored) {
    const out = cropOf(config, image, replay())
    checkExact(context, `${name} after_crop`, imageShape(out), out.data, stored)
  }
  stage('after_flip', plain)
  stage('after_randaugment', config)
  const draws = replay()
  const transform = trainTransform(config)
  const values = new Float32Array(transform.size)
  transform.into(image, draws, values)
  checkExact(context, `${name} float32_chw`, transform.shape, values, entry.at('float32_chw'))
  context.check({ name: `${name} draws left`, error: draws.left, bound: 0 })
}

const pixelsOf = (config: TrainConfig, image: Image, draws: Draws): Image => trainTransform(config).pixels(image, draws)

function cropOf({ crop, inputSize, interpolation }: TrainConfig, image: Image, draws: Draws): Image {
  const rectangle = randomRectangle(image, draws, crop === 'padded' ? undefined : crop)
  const filter = interpolation !== 'random' ? (interpolation ?? 'bicubic') : draws.choice(2) === 0 ? 'bilinear' : 'bicubic'
  return resizedCrop(image, rectangle, { width: inputSize[2], height: inputSize[1] }, filter)
}

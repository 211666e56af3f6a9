import { CLIP_MEAN, CLIP_STD, INCEPTION_MEAN, INCEPTION_STD, normalizeTable, type Rgb } from '@scanline/image'
import type { Field } from '../field.js'
import type { Kind } from '../kind.js'
import { isPreprocessing } from '../preprocessing/match.js'
import { checkExact } from '../preprocessing/stored.js'

const constants: Readonly<Record<string, readonly [Rgb, Rgb]>> = {
  inception: [INCEPTION_MEAN, INCEPTION_STD],
  clip: [CLIP_MEAN, CLIP_STD],
}

const rgb = (field: Field): Rgb => {
  const [r, g, b] = field.tuple(3).map((f) => f.number())
  return [r, g, b]
}

/** Bytes to floats, in both arithmetics, bit for bit; and the statistics that the image package names. */
export const normalization: Kind = {
  name: 'normalization',
  matches: (file) => isPreprocessing(file, 'to_tensor_then_normalize') || isPreprocessing(file, 'loader_on_device'),
  run: (file, context) => {
    const [mean, std] = [rgb(file.at('mean')), rgb(file.at('std'))]
    for (const [name, arithmetic] of [
      ['to_tensor_then_normalize', 'tensor'],
      ['loader_on_device', 'loader'],
    ] as const) {
      const stored = file.maybe(name)
      if (stored) checkExact(context, name, [3, 256], normalizeTable(mean, std, arithmetic), stored)
    }
    for (const [name, pair] of file.maybe('other_constants')?.entries() ?? []) {
      const expected = pair.tuple(2).flatMap((f) => [...rgb(f)])
      const actual = (Object.hasOwn(constants, name) ? constants[name] : []).flat()
      const error = expected.filter((value, i) => value !== actual[i]).length
      context.check({ name: pair.path, error, bound: 0, ...(actual.length === 0 && { note: 'no such constants' }) })
    }
  },
}

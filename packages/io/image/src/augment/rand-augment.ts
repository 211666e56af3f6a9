import { invalid } from '../errors.js'
import type { Image } from '../types.js'
import type { GeometricFilter } from './affine.js'
import type { Draws } from './draws.js'
import { OPERATIONS, type Operation, type OperationName } from './operations.js'

/** What a configuration string such as `rand-m9-mstd0.5-inc1` means. */
export interface RandAugmentConfig {
  readonly operations: readonly OperationName[]
  /** Operations an image. */
  readonly layers: number
  /** Each operation is applied with this probability. */
  readonly probability: number
  readonly magnitude: number
  /** Standard deviation of the level; Infinity draws it uniformly from 0 to `magnitude`. */
  readonly magnitudeStd: number
  /** Upper limit of the level. Default 10. */
  readonly magnitudeMax?: number
}

const PLAIN: readonly OperationName[] = [
  'AutoContrast',
  'Equalize',
  'Invert',
  'Rotate',
  'Posterize',
  'Solarize',
  'SolarizeAdd',
  'Color',
  'Contrast',
  'Brightness',
  'Sharpness',
  'ShearX',
  'ShearY',
  'TranslateXRel',
  'TranslateYRel',
]
const grows: readonly string[] = ['Posterize', 'Solarize', 'Color', 'Contrast', 'Brightness', 'Sharpness']
const INCREASING = PLAIN.map((name) => (grows.includes(name) ? (`${name}Increasing` as OperationName) : name))

const DEFAULT_LIMIT = 10

/**
 * Reads timm's configuration string: `rand`, then parts of a key and a value: `m` magnitude, `n` operations, `p`
 * probability, `mstd` standard deviation (above 100: uniform), `mmax` upper limit, `inc` the set whose strength grows
 * (with any value, also 0). Specification: training 9.
 *
 * @throws ImageError `argument` for other policies and keys.
 * @example
 * parseRandAugment('rand-m9-mstd0.5-inc1').layers // 2
 */
export function parseRandAugment(text: string): RandAugmentConfig {
  const [policy, ...parts] = text.split('-')
  const wrong = (what: string) =>
    invalid(
      `${what} in the augmentation ${JSON.stringify(text)}. It is written like rand-m9-mstd0.5-inc1, with the keys m, n, p, mstd, mmax, inc.`,
    )
  if (policy !== 'rand') throw wrong(`Unknown policy ${JSON.stringify(policy)}`)
  const values = new Map<string, number>()
  for (const part of parts) {
    const [, key, value] = /^(m|n|p|mstd|mmax|inc)(\d.*)$/.exec(part) ?? []
    if (key === undefined || !Number.isFinite(Number(value))) throw wrong(`Unknown part ${JSON.stringify(part)}`)
    values.set(key, Number(value))
  }
  const std = values.get('mstd') ?? 0
  const max = values.get('mmax')
  return {
    operations: values.has('inc') ? INCREASING : PLAIN,
    layers: Math.trunc(values.get('n') ?? 2),
    probability: values.get('p') ?? 0.5,
    magnitude: Math.trunc(values.get('m') ?? DEFAULT_LIMIT),
    magnitudeStd: std > 100 ? Number.POSITIVE_INFINITY : std,
    ...(max !== undefined && { magnitudeMax: Math.trunc(max) }),
  }
}

export interface AugmentOptions {
  /** Of the geometric operations; `random` draws bilinear or bicubic each time. */
  readonly interpolation: GeometricFilter | 'random'
  /** Colour of what comes from outside. */
  readonly fill: readonly number[]
}

/**
 * RandAugment (Cubuk et al., 2020) as timm applies it: the operations are drawn first, with replacement; then for each:
 * whether, level, sign, filter. Specification: training 9.
 */
export function randAugment(image: Image, config: RandAugmentConfig, draws: Draws, options: AugmentOptions): Image {
  const chosen = Array.from({ length: config.layers }, () => config.operations[draws.choice(config.operations.length)]!)
  return chosen.reduce((current, name) => applyAtRandom(current, OPERATIONS[name], config, draws, options), image)
}

function applyAtRandom(
  image: Image,
  { signed, geometric, argument, apply }: Operation,
  { probability, magnitude, magnitudeStd, magnitudeMax }: RandAugmentConfig,
  draws: Draws,
  { interpolation, fill }: AugmentOptions,
): Image {
  if (probability < 1 && draws.random() > probability) return image
  const drawn =
    magnitudeStd === Number.POSITIVE_INFINITY
      ? draws.uniform(0, magnitude)
      : magnitudeStd > 0
        ? draws.normal(magnitude, magnitudeStd)
        : magnitude
  const level = Math.max(0, Math.min(drawn, magnitudeMax || DEFAULT_LIMIT))
  const sign = signed && draws.random() > 0.5 ? -1 : 1
  const value = argument(level, sign)
  return apply(image, value, { filter: geometric ? drawFilter(interpolation, draws) : 'bilinear', fill })
}

/** `random`: bilinear or bicubic, equally likely. */
export const drawFilter = (interpolation: GeometricFilter | 'random', draws: Draws): GeometricFilter =>
  interpolation !== 'random' ? interpolation : draws.choice(2) === 0 ? 'bilinear' : 'bicubic'

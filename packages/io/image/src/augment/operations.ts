import type { Image } from '../types.js'
import type { GeometricOptions } from './affine.js'
import { adjustBrightness, adjustColor, adjustContrast, adjustSharpness } from './blend.js'
import { rotate, shearX, shearY, translateX, translateY } from './geometric.js'
import { autoContrast, equalize, invert, posterize, solarize, solarizeAdd } from './table.js'

/** Level at which an operation has its full strength. */
const FULL = 10
/** Full shift of the `Rel` operations, as a part of the side. */
const RELATIVE_SHIFT = 0.45
/** Full shift of the others, in pixels; timm derives it from the image size. */
export const DEFAULT_SHIFT = 100

/** One operation of an automatic augmentation, by timm's name. */
export interface Operation {
  /** Whether the level is given a random sign. */
  readonly signed: boolean
  /** Whether it samples between pixels, with a filter and a fill colour. */
  readonly geometric: boolean
  /** Its argument at `level` (0 to 10); `sign` is 1 or -1. */
  readonly argument: (level: number, sign: number) => number
  readonly apply: (image: Image, argument: number, options: GeometricOptions) => Image
}

type Apply = Operation['apply']

const plain = (argument: (level: number) => number, apply: Apply): Operation => ({
  signed: false,
  geometric: false,
  argument,
  apply,
})
const constant = (apply: (image: Image) => Image): Operation => plain(() => 0, apply)
const geometric = (full: number, apply: Apply): Operation => ({
  signed: true,
  geometric: true,
  argument: (level, sign) => sign * ((level / FULL) * full),
  apply,
})

const bits = (level: number): number => Math.trunc((level / FULL) * 4)
const threshold = (level: number): number => Math.min(256, Math.trunc((level / FULL) * 256))
const addition = (level: number): number => Math.min(128, Math.trunc((level / FULL) * 110))
const factor = (level: number): number => (level / FULL) * 1.8 + 0.1

/** Strength 1 changes nothing, and the level leads away from it to either side. */
const increasing = (apply: Apply): Operation => ({
  signed: true,
  geometric: false,
  argument: (level, sign) => Math.max(0.1, 1 + sign * ((level / FULL) * 0.9)),
  apply,
})

/** Every operation of timm's RandAugment with the meaning of its level. Specification: training 9. */
export const OPERATIONS = {
  AutoContrast: constant(autoContrast),
  Equalize: constant(equalize),
  Invert: constant(invert),
  Rotate: geometric(30, rotate),
  Posterize: plain(bits, posterize),
  PosterizeIncreasing: plain((level) => 4 - bits(level), posterize),
  PosterizeOriginal: plain((level) => 4 + bits(level), posterize),
  Solarize: plain(threshold, solarize),
  SolarizeIncreasing: plain((level) => 256 - threshold(level), solarize),
  SolarizeAdd: plain(addition, (image, amount) => solarizeAdd(image, amount)),
  Color: plain(factor, adjustColor),
  ColorIncreasing: increasing(adjustColor),
  Contrast: plain(factor, adjustContrast),
  ContrastIncreasing: increasing(adjustContrast),
  Brightness: plain(factor, adjustBrightness),
  BrightnessIncreasing: increasing(adjustBrightness),
  Sharpness: plain(factor, adjustSharpness),
  SharpnessIncreasing: increasing(adjustSharpness),
  ShearX: geometric(0.3, shearX),
  ShearY: geometric(0.3, shearY),
  TranslateX: geometric(DEFAULT_SHIFT, translateX),
  TranslateY: geometric(DEFAULT_SHIFT, translateY),
  TranslateXRel: geometric(RELATIVE_SHIFT, (image, part, options) => translateX(image, part * image.width, options)),
  TranslateYRel: geometric(RELATIVE_SHIFT, (image, part, options) => translateY(image, part * image.height, options)),
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof OPERATIONS

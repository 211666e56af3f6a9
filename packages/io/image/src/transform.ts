import { toRgb } from './convert.js'
import { crop } from './crop.js'
import { invalid } from './errors.js'
import type { Size } from './geometry.js'
import { centreOffset, roundHalfEven } from './geometry.js'
import type { Arithmetic, Rgb } from './normalize.js'
import { IMAGENET_MEAN, IMAGENET_STD, normalizeInto, normalizeTable } from './normalize.js'
import type { CropMode, PipelineName } from './pipelines.js'
import { PIPELINES } from './pipelines.js'
import type { FilterName } from './resize/filters.js'
import { resize } from './resize/resize.js'
import type { Image } from './types.js'

export interface EvalConfig {
  readonly pipeline: PipelineName
  /** Channels (3), height, width. */
  readonly inputSize: readonly [channels: number, height: number, width: number]
  /** Part of the resized image that the crop keeps. Default 0.875; `efficientvim` has its own rule and takes none. */
  readonly cropPct?: number
  /** `timm-1.0` only. Default `center`. */
  readonly cropMode?: CropMode
  /** `timm-*` only: default `bilinear`, as in timm's function; the models' configurations say `bicubic`. The others always use `bicubic`. */
  readonly interpolation?: FilterName
  /** Default ImageNet. */
  readonly mean?: Rgb
  readonly std?: Rgb
  /** Default `tensor`. */
  readonly arithmetic?: Arithmetic
  /** Order of the values: `nhwc` (default) or `nchw`. */
  readonly layout?: 'nhwc' | 'nchw'
}

export interface EvalTransform {
  /** One image as a new array of `size` values. */
  (image: Image): Float32Array
  /** Values an image gives: height * width * 3. */
  readonly size: number
  /** `[height, width, 3]`, or `[3, height, width]`. */
  readonly shape: readonly [number, number, number]
  /** Writes the values to `out` from `offset` on, so that a batch is filled without copies. */
  into(image: Image, out: Float32Array, offset?: number): void
  /** The bytes before normalization: resized, cropped and padded RGB. */
  pixels(image: Image): Image
}

/**
 * The evaluation transform of a model: resize, centre crop, normalize, to the bit of the published pipeline. Only the part of the resized image
 * that the crop keeps is computed. Specification: preprocessing 4.
 *
 * @throws ImageError `argument` for a configuration that no pipeline accepts.
 * @example
 * const transform = evalTransform({ pipeline: 'timm-0.6', inputSize: [3, 224, 224], cropPct: 1, interpolation: 'bicubic' })
 * const batch = new Float32Array(images.length * transform.size)
 * images.forEach((image, i) => transform.into(image, batch, i * transform.size))
 */
export function evalTransform(config: EvalConfig): EvalTransform {
  const [channels, height, width] = config.inputSize
  const {
    cropPct = 0.875,
    cropMode = 'center',
    interpolation = 'bilinear',
    mean = IMAGENET_MEAN,
    std = IMAGENET_STD,
    layout = 'nhwc',
  } = config
  if (channels !== 3 || ![height, width].every((side) => Number.isInteger(side) && side > 0)) {
    throw invalid(`An input size is [3, height, width] in whole pixels, not [${config.inputSize.join(', ')}].`)
  }
  if (!(cropPct > 0 && cropPct <= 1)) throw invalid(`cropPct is above 0 and at most 1, not ${cropPct}.`)
  if (!Object.hasOwn(PIPELINES, config.pipeline)) {
    throw invalid(`There is no pipeline ${JSON.stringify(config.pipeline)}. Choose one of ${Object.keys(PIPELINES).join(', ')}.`)
  }
  const input = { width, height }
  const plan = PIPELINES[config.pipeline]({ input, cropPct, cropMode, interpolation })
  const fill = cropMode === 'border' && config.pipeline === 'timm-1.0' ? mean.map((m) => roundHalfEven(255 * m)) : [0, 0, 0]
  const table = normalizeTable(mean, std, config.arithmetic)

  const pixels = (image: Image): Image => {
    const { filter, ...size } = plan(image)
    return resizeAndCrop(toRgb(image), size, filter, input, fill)
  }
  const into = (image: Image, out: Float32Array, offset = 0): void => {
    normalizeInto(pixels(image).data, table, layout, out, offset)
  }
  const transform = (image: Image): Float32Array => {
    const out = new Float32Array(width * height * 3)
    into(image, out)
    return out
  }
  const shape: EvalTransform['shape'] = layout === 'nchw' ? [3, height, width] : [height, width, 3]
  return Object.assign(transform, { size: 3 * width * height, shape, into, pixels })
}

/** Resizes to `size` and takes `input` from the centre, padding with `fill` where the resized image is smaller. */
function resizeAndCrop(image: Image, size: Size, filter: FilterName, input: Size, fill: readonly number[]): Image {
  const left = centreOffset(size.width, input.width)
  const top = centreOffset(size.height, input.height)
  const x0 = Math.max(0, left)
  const y0 = Math.max(0, top)
  const x1 = Math.min(size.width, left + input.width)
  const y1 = Math.min(size.height, top + input.height)
  const part = resize(image, size.width, size.height, { filter, window: [x0, y0, x1, y1] })
  return crop(part, left - x0, top - y0, input.width, input.height, fill)
}

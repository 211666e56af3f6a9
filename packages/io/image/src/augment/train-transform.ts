import { toRgb } from '../convert.js'
import { invalid } from '../errors.js'
import { type Rectangle, roundHalfEven, type Size } from '../geometry.js'
import type { Arithmetic, Rgb } from '../normalize.js'
import { IMAGENET_MEAN, IMAGENET_STD, normalizeInto, normalizeTable } from '../normalize.js'
import type { Image } from '../types.js'
import type { GeometricFilter } from './affine.js'
import { colourJitter, type JitterConfig } from './colour-jitter.js'
import type { Draws } from './draws.js'
import { type ErasingConfig, randomErasing } from './erasing.js'
import { horizontalFlip } from './geometric.js'
import { drawFilter, parseRandAugment, randAugment } from './rand-augment.js'
import { type CropConfig, randomRectangle, resizedCrop } from './random-crop.js'
import { paddedCrop, threeAugment } from './three-augment.js'

/** A training transform as plain data, so that it can be sent to a worker. Every field but `inputSize` may be absent. */
export interface TrainConfig {
  /** Channels (3), height, width. */
  readonly inputSize: readonly [channels: number, height: number, width: number]
  /** Random resized crop (the default, with its scale and ratio), or resize, mirrored border and crop (three-augment only). */
  readonly crop?: CropConfig | 'padded'
  /** Filter of the crop and of the geometric operations; `random` draws one each time. Default `bicubic`. */
  readonly interpolation?: GeometricFilter | 'random'
  /** Probability of a horizontal flip. Default 0.5. */
  readonly flip?: number
  /** RandAugment, such as `rand-m9-mstd0.5-inc1`; or `three-augment`. Default none. */
  readonly autoAugment?: string
  /** As in the published trainers it does nothing beside RandAugment. */
  readonly colourJitter?: JitterConfig
  /** On normalized values. Default none. */
  readonly erasing?: ErasingConfig
  /** Default ImageNet. */
  readonly mean?: Rgb
  readonly std?: Rgb
  /** Default `tensor`. */
  readonly arithmetic?: Arithmetic
  /** Order of the values: `nhwc` (default) or `nchw`. */
  readonly layout?: 'nhwc' | 'nchw'
}

export interface TrainTransform {
  /** Values an image gives: height * width * 3. */
  readonly size: number
  /** `[height, width, 3]`, or `[3, height, width]`. */
  readonly shape: readonly [number, number, number]
  /**
   * The part of an image of this size that `pixels` will read, for decoders that need not decode the rest; undefined for
   * all of it. These are the first draws: give the result to `pixels`.
   */
  rectangle(size: Size, draws: Draws): Rectangle | undefined
  /** The bytes before normalization: cropped, flipped, augmented RGB. */
  pixels(image: Image, draws: Draws, rectangle?: Rectangle): Image
  /** Those bytes normalized and erased, written to `out` from `offset` on. */
  into(image: Image, draws: Draws, out: Float32Array, offset?: number): void
  /** Normalizes `bytes` (RGB, rows from the top) and erases: what `into` does after `pixels`, for pipelines that mix bytes in between. */
  finish(bytes: Uint8Array, draws: Draws, out: Float32Array, offset?: number): void
}

/**
 * The training transform of the published pipelines: random resized crop, flip, RandAugment (or three-augment and colour
 * jitter), normalization, random erasing. All randomness comes from `draws`. Specification: training 9, preprocessing 6.
 *
 * @throws ImageError `argument` for a configuration that cannot be served.
 * @example
 * const transform = trainTransform({ inputSize: [3, 224, 224], autoAugment: 'rand-m9-mstd0.5-inc1', interpolation: 'random' })
 * transform.into(image, drawsFrom(new Generator(42)), batch, 0)
 */
export function trainTransform(config: TrainConfig): TrainTransform {
  const [channels, height, width] = config.inputSize
  const { interpolation = 'bicubic', flip = 0.5, mean = IMAGENET_MEAN, std = IMAGENET_STD, layout = 'nhwc' } = config
  if (channels !== 3 || ![height, width].every((side) => Number.isInteger(side) && side > 0))
    throw invalid(`An input size is [3, height, width] in whole pixels, not [${config.inputSize.join(', ')}].`)
  if (!(flip >= 0 && flip <= 1)) throw invalid(`flip is a probability from 0 to 1, not ${flip}.`)
  const cropConfig = config.crop === 'padded' ? undefined : checkCrop(config.crop ?? {})
  const input = { width, height }
  const table = normalizeTable(mean, std, config.arithmetic)
  const augment = augmentation(config, interpolation, mean)

  const rectangle = (size: Size, draws: Draws): Rectangle | undefined => cropConfig && randomRectangle(size, draws, cropConfig)
  const pixels = (image: Image, draws: Draws, chosen?: Rectangle): Image => {
    const rgb = toRgb(image)
    const part = chosen ?? rectangle(rgb, draws)
    const cropped = part
      ? resizedCrop(rgb, part, input, drawFilter(interpolation, draws))
      : paddedCrop(rgb, input, drawFilter(interpolation, draws), draws)
    const flipped = flip > 0 && draws.random() < flip ? horizontalFlip(cropped) : cropped
    return augment(flipped, draws)
  }
  const finish = (bytes: Uint8Array, draws: Draws, out: Float32Array, offset = 0): void => {
    normalizeInto(bytes, table, layout, out, offset)
    if (config.erasing)
      randomErasing(out.subarray(offset, offset + bytes.length), { height, width, channels, layout }, draws, config.erasing)
  }
  const into = (image: Image, draws: Draws, out: Float32Array, offset = 0): void =>
    finish(pixels(image, draws).data, draws, out, offset)
  const shape: TrainTransform['shape'] = layout === 'nchw' ? [3, height, width] : [height, width, 3]
  return { size: 3 * width * height, shape, rectangle, pixels, into, finish }
}

function checkCrop(config: CropConfig): CropConfig {
  for (const [name, range] of Object.entries(config) as [string, readonly [number, number]][])
    if (!(range[0] > 0 && range[1] >= range[0])) throw invalid(`${name} of a crop is a range above 0, not [${range.join(', ')}].`)
  return config
}

/** What happens to the pixels between the flip and normalization. */
function augmentation(
  { autoAugment, colourJitter: jitter }: TrainConfig,
  interpolation: GeometricFilter | 'random',
  mean: Rgb,
): (image: Image, draws: Draws) => Image {
  const jittered = (image: Image, draws: Draws) => (jitter ? colourJitter(image, jitter, draws) : image)
  if (autoAugment === undefined) return jittered
  if (autoAugment === 'three-augment') return (image, draws) => jittered(threeAugment(image, draws), draws)
  const parsed = parseRandAugment(autoAugment)
  const fill = mean.map((m) => roundHalfEven(255 * m))
  return (image, draws) => randAugment(image, parsed, draws, { interpolation, fill })
}

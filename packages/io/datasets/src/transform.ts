import {
  type DecodeOptions,
  decodeImage,
  drawsFrom,
  type EvalConfig,
  evalTransform,
  type Rectangle,
  type Size,
  type TrainConfig,
  trainTransform,
} from '@scanline/image'
import { streamFor } from './streams.js'

/** How images become values, as plain data. */
export type TransformConfig = { readonly train: TrainConfig } | { readonly eval: EvalConfig }

/**
 * `f32`: normalized, and erased where the transform says so. `u8`: the bytes before that, for recipes that mix images as
 * bytes; {@link finisher} does the rest.
 */
export type BatchType = 'f32' | 'u8'

export interface PrepareConfig {
  readonly transform: TransformConfig
  readonly dtype: BatchType
  readonly seed: number
  readonly decode: Omit<DecodeOptions, 'window'>
}

/** Writes one image to `out` from `offset` on: a function of the file, seed, epoch and place. */
export type Prepare = (
  file: Uint8Array,
  epoch: number,
  place: number,
  out: Float32Array | Uint8Array,
  offset: number,
) => Promise<void>

/** `[height, width, 3]`, or `[3, height, width]`. */
export const shapeOf = (transform: TransformConfig): readonly [number, number, number] =>
  'train' in transform ? trainTransform(transform.train).shape : evalTransform(transform.eval).shape

export function preparer({ transform: config, dtype, seed, decode }: PrepareConfig): Prepare {
  if ('eval' in config) {
    const transform = evalTransform(config.eval)
    return async (file, _epoch, _place, out, offset) => {
      const image = await decodeImage(file, decode)
      if (dtype === 'u8') out.set(transform.pixels(image).data, offset)
      else transform.into(image, out as Float32Array, offset)
    }
  }
  const transform = trainTransform(config.train)
  return async (file, epoch, place, out, offset) => {
    const draws = drawsFrom(streamFor('augment', seed, epoch, place))
    let rectangle: Rectangle | undefined
    // Only what the crop keeps is decoded.
    const window = (size: Size) => {
      rectangle = transform.rectangle(size, draws)
      return rectangle
    }
    const image = await decodeImage(file, { ...decode, window })
    const { data } = transform.pixels(image, draws, rectangle)
    if (dtype === 'u8') out.set(data, offset)
    else transform.finish(data, drawsFrom(streamFor('finish', seed, epoch, place)), out as Float32Array, offset)
  }
}

/**
 * What remains to be done with `u8` batches after mixing: each image is normalized and erased, with the random numbers
 * that an `f32` batch would have used for it.
 *
 * @example
 * const finish = finisher(recipe, 42)
 * finish(batch.images, batch.epoch, batch.places, values)
 */
export function finisher(
  config: TrainConfig,
  seed: number,
): (bytes: Uint8Array, epoch: number, places: Uint32Array, out: Float32Array) => void {
  const transform = trainTransform(config)
  return (bytes, epoch, places, out) => {
    for (const [i, place] of places.entries()) {
      const at = i * transform.size
      const draws = drawsFrom(streamFor('finish', seed, epoch, place))
      transform.finish(bytes.subarray(at, at + transform.size), draws, out, at)
    }
  }
}

import { invalid } from './errors.js'

export type Rgb = readonly [number, number, number]

/** Channel statistics in use, of values in 0..1. All four model families take ImageNet's. */
export const IMAGENET_MEAN: Rgb = [0.485, 0.456, 0.406]
export const IMAGENET_STD: Rgb = [0.229, 0.224, 0.225]
export const INCEPTION_MEAN: Rgb = [0.5, 0.5, 0.5]
export const INCEPTION_STD: Rgb = [0.5, 0.5, 0.5]
export const CLIP_MEAN: Rgb = [0.48145466, 0.4578275, 0.40821073]
export const CLIP_STD: Rgb = [0.26862954, 0.26130258, 0.27577711]

/**
 * `tensor`: byte / 255, minus mean, over std (transforms, command-line inference). `loader`: byte minus 255 mean over 255 std (timm's batch
 * loaders). They differ in the last bits.
 */
export type Arithmetic = 'tensor' | 'loader'

const f32 = Math.fround

/** What each byte becomes in each channel, every step rounded to f32: shape [3, 256]. Specification: preprocessing 4. */
export function normalizeTable(
  mean: Rgb = IMAGENET_MEAN,
  std: Rgb = IMAGENET_STD,
  arithmetic: Arithmetic = 'tensor',
): Float32Array {
  const scale = arithmetic === 'loader' ? 255 : 1
  const table = new Float32Array(3 * 256)
  for (let c = 0; c < 3; c++) {
    const m = f32(scale * mean[c]!)
    const s = f32(scale * std[c]!)
    for (let v = 0; v < 256; v++) table[c * 256 + v] = f32(f32(arithmetic === 'loader' ? v : v / 255) - m) / s
  }
  return table
}

/**
 * Writes RGB bytes (rows from the top) through a table of {@link normalizeTable} to `out` from `offset` on.
 *
 * @throws ImageError `argument` when they do not fit.
 */
export function normalizeInto(
  bytes: Uint8Array,
  table: Float32Array,
  layout: 'nhwc' | 'nchw',
  out: Float32Array,
  offset = 0,
): void {
  if (offset < 0 || offset + bytes.length > out.length)
    throw invalid(`${bytes.length} values do not fit at ${offset} of an array of ${out.length}.`)
  const count = bytes.length / 3
  const [pixelStep, channelStep] = layout === 'nchw' ? [1, count] : [3, 1]
  for (let c = 0; c < 3; c++) {
    for (let i = 0, s = c, d = offset + c * channelStep; i < count; i++, s += 3, d += pixelStep)
      out[d] = table[c * 256 + bytes[s]!]!
  }
}

import { ArgumentError, ShapeError } from '../errors.js'
import { scope } from '../scope.js'
import type { Tensor } from '../tensor.js'
import { tensor } from './create.js'
import { matmul } from './matmul.js'
import { reshape } from './view.js'

export interface InterpolateOptions {
  /** `bicubic` uses Keys' kernel with a = -0.75, as PyTorch does. */
  readonly mode: 'nearest' | 'bilinear' | 'bicubic'
  /** The corner samples lie on one another, instead of the corners of the outer pixels. Not for `nearest`. False by default. */
  readonly alignCorners?: boolean
}

/**
 * Resizes maps [N, H, W, C] to [N, height, width, C] without antialiasing, as `interpolate` of PyTorch. Each axis is a
 * product with a constant matrix, which has one row of weights for each output sample; the edge samples are repeated
 * outwards. Throws `ShapeError`, `ArgumentError`.
 *
 * @example
 * const table = interpolate(reshape(posEmbed, [1, 14, 14, 192]), [27, 27], { mode: 'bicubic' })
 */
export function interpolate(
  x: Tensor,
  [height, width]: readonly [number, number],
  { mode, alignCorners = false }: InterpolateOptions,
): Tensor {
  if (x.rank !== 4) throw new ShapeError(`interpolate needs maps [N, H, W, C], got ${x}`)
  if (mode === 'nearest' && alignCorners)
    throw new ArgumentError('nearest interpolation has no corners to align; leave alignCorners out')
  const [n, h, w, c] = x.shape
  for (const size of [h, w, height, width])
    if (!Number.isInteger(size) || size < 1)
      throw new ArgumentError(`interpolate needs sizes from 1, got ${h} × ${w} to ${height} × ${width}`)
  return scope(() => {
    const matrix = (from: number, to: number) =>
      tensor(axisWeights(from, to, mode, alignCorners), { shape: [to, from], device: x.device, dtype: x.dtype })
    const rows = h === height ? x : reshape(matmul(matrix(h, height), reshape(x, [n, h, w * c])), [n, height, w, c])
    if (w === width) return reshape(rows, [n, height, width, c])
    return reshape(matmul(matrix(w, width), reshape(rows, [n * height, w, c])), [n, height, width, c])
  })
}

/** Row-major [to, from]: how much of each input sample goes into each output sample. */
function axisWeights(from: number, to: number, mode: InterpolateOptions['mode'], alignCorners: boolean): Float64Array {
  const weights = new Float64Array(to * from)
  const kernel = mode === 'bilinear' ? linear : cubic
  const reach = mode === 'bilinear' ? 1 : 2
  for (let i = 0; i < to; i++) {
    const put = (at: number, weight: number): void => {
      weights[i * from + Math.min(from - 1, Math.max(0, at))] += weight
    }
    if (mode === 'nearest') {
      put(Math.floor((i * from) / to), 1)
      continue
    }
    const centre = alignCorners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : ((i + 0.5) * from) / to - 0.5
    const first = Math.floor(centre) - reach + 1
    for (let at = first; at < first + 2 * reach; at++) put(at, kernel(Math.abs(centre - at)))
  }
  return weights
}

const linear = (distance: number): number => 1 - distance

/** Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -0.75. */
function cubic(distance: number): number {
  const a = -0.75
  return distance <= 1
    ? ((a + 2) * distance - (a + 3)) * distance ** 2 + 1
    : ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
}

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

/** Height and width of the result, or by how much to multiply both, or each, of those that are there. */
export type InterpolateSize = readonly [number, number] | { readonly scale: number | readonly [number, number] }

/**
 * Resizes maps [N, H, W, C] to [N, height, width, C] without antialiasing, as `interpolate` of PyTorch. Each axis is a
 * product with a constant matrix, which has one row of weights for each output sample; the edge samples are repeated
 * outwards. A scale s gives ⌊s · H⌋ rows, at distances of 1 / s and not of H / ⌊s · H⌋, as PyTorch has it. Throws
 * `ShapeError`, `ArgumentError`.
 *
 * @example
 * const table = interpolate(reshape(posEmbed, [1, 14, 14, 192]), [27, 27], { mode: 'bicubic' })
 */
export function interpolate(x: Tensor, size: InterpolateSize, { mode, alignCorners = false }: InterpolateOptions): Tensor {
  if (x.rank !== 4) throw new ShapeError(`interpolate needs maps [N, H, W, C], got ${x}`)
  if (mode === 'nearest' && alignCorners)
    throw new ArgumentError('nearest interpolation has no corners to align; leave alignCorners out')
  const [n, h, w, c] = x.shape
  const rows = axis(h, size, 0, mode)
  const columns = axis(w, size, 1, mode)
  for (const { from, to } of [rows, columns])
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1 || to < 1)
      throw new ArgumentError(`interpolate needs sizes from 1, got ${h} × ${w} to ${rows.to} × ${columns.to}`)
  return scope(() => {
    const matrix = (along: Axis) =>
      tensor(axisWeights(along, mode, alignCorners), { shape: [along.to, along.from], device: x.device, dtype: x.dtype })
    const tall = isSame(rows) ? x : reshape(matmul(matrix(rows), reshape(x, [n, h, w * c])), [n, rows.to, w, c])
    if (isSame(columns)) return reshape(tall, [n, rows.to, w, c])
    return reshape(matmul(matrix(columns), reshape(tall, [n * rows.to, w, c])), [n, rows.to, columns.to, c])
  })
}

interface Axis {
  readonly from: number
  readonly to: number
  /** Between neighbouring output samples, in input samples: a fraction, as 1 / 3 · 6 is less than 2. */
  readonly distance: readonly [number, number]
}

function axis(from: number, size: InterpolateSize, i: 0 | 1, mode: InterpolateOptions['mode']): Axis {
  if (!('scale' in size)) return { from, to: size[i], distance: [from, size[i]] }
  const scale = typeof size.scale === 'number' ? size.scale : size.scale[i]
  const to = Math.floor(from * scale)
  // PyTorch forgets the scale of an axis that keeps its length, and for `nearest` of one that is doubled.
  const bySizes = (mode !== 'bicubic' && to === from) || (mode === 'nearest' && to === 2 * from)
  return { from, to, distance: bySizes ? [from, to] : [1, scale] }
}

const isSame = ({ from, to, distance: [a, b] }: Axis): boolean => from === to && a === b

/** Row-major [to, from]: how much of each input sample goes into each output sample. */
function axisWeights(
  { from, to, distance: [a, b] }: Axis,
  mode: InterpolateOptions['mode'],
  alignCorners: boolean,
): Float64Array {
  const weights = new Float64Array(to * from)
  const kernel = mode === 'bilinear' ? linear : cubic
  const reach = mode === 'bilinear' ? 1 : 2
  for (let i = 0; i < to; i++) {
    const put = (at: number, weight: number): void => {
      weights[i * from + Math.min(from - 1, Math.max(0, at))] += weight
    }
    if (mode === 'nearest') {
      put(Math.floor((i * a) / b), 1)
      continue
    }
    const centre = alignCorners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : ((i + 0.5) * a) / b - 0.5
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

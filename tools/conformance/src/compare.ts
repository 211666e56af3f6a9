import { type DType, decode, encode, formatShape, type Shape, sameShape, type Tensor } from '@scanline/tensor'
import type { Tolerance } from '@scanline/tensor/samples'

/** A check that did not hold; the message says what was got and what was wanted. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError'
}

/** A tensor, read. */
export interface Values {
  readonly shape: Shape
  readonly dtype: DType
  readonly data: Float64Array
  /** The elements as they are stored, row-major. */
  readonly bytes: Uint8Array
}

export async function read(tensor: Tensor): Promise<Values> {
  const array = await tensor.data()
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return { shape: tensor.shape, dtype: tensor.dtype, data: decode(tensor.dtype, bytes), bytes }
}

/** Below the smallest normal f32 a device may flush to zero. */
const smallestNormal = 2 ** -126

/**
 * Throws `ConformanceError` unless `got` has the shape and type of `want`, NaN and infinities in the same places, and
 * is within the tolerance everywhere. A reference in doubles is rounded to the type of `got` first, so that what
 * overflows there is expected to.
 */
export function expectClose(got: Values, want: Values, tolerance: Tolerance, what: string): void {
  const stored = want.dtype === 'f64' ? 'f32' : want.dtype
  if (!sameShape(got.shape, want.shape) || (got.dtype !== stored && got.dtype !== want.dtype)) {
    const typed = (dtype: DType, shape: Shape) => `${dtype}${formatShape(shape)}`
    throw new ConformanceError(`${what} is ${typed(got.dtype, got.shape)} instead of ${typed(stored, want.shape)}`)
  }
  const wanted = want.dtype === got.dtype ? want.data : decode(got.dtype, encode(got.dtype, want.data))
  let errors = 0
  let squares = 0
  let finite = 0
  wanted.forEach((w, i) => {
    if (!Number.isFinite(w)) {
      if (!Object.is(w, got.data[i])) fail(got, i, w, 'NaN and infinities must be the same', what)
      return
    }
    if (!Number.isFinite(got.data[i])) fail(got, i, w, 'it must be finite', what)
    errors += (got.data[i] - w) ** 2
    squares += w * w
    finite++
  })
  const floor = tolerance.floor === 'rms' ? Math.sqrt(squares / Math.max(1, finite)) : tolerance.floor
  wanted.forEach((w, i) => {
    if (!Number.isFinite(w)) return
    const bound = tolerance.element * Math.max(Math.abs(w), floor) + (tolerance.element > 0 ? smallestNormal : 0)
    if (!(Math.abs(got.data[i] - w) <= bound))
      fail(got, i, w, `at most ${bound.toExponential(1)} apart (${tolerance.reason})`, what)
  })
  const error = Math.sqrt(errors)
  const size = Math.max(Math.sqrt(squares), floor * Math.sqrt(finite))
  if (error > tolerance.l2 * size + smallestNormal * Math.sqrt(finite))
    throw new ConformanceError(
      `${what} is ${(error / size).toExponential(2)} from the reference, relative to its norm; at most ${tolerance.l2} (${tolerance.reason})`,
    )
}

function fail({ data, shape }: Values, i: number, wanted: number, why: string, what: string): never {
  throw new ConformanceError(`${what}: element ${i} of ${formatShape(shape)} is ${data[i]} instead of ${wanted}; ${why}`)
}

/** Throws `ConformanceError` unless both hold the same bits. */
export function expectSame(got: Values, want: Values, what: string): void {
  const at = got.bytes.findIndex((byte, i) => byte !== want.bytes[i])
  if (got.bytes.length === want.bytes.length && at < 0) return
  const i = Math.floor(at / (got.bytes.length / got.data.length))
  throw new ConformanceError(
    `${what}: element ${i} of ${formatShape(got.shape)} is ${got.data[i]} instead of ${want.data[i]}; the same run must give the same bits`,
  )
}

import { bitsOf, bytesPerElement, type DType } from './dtype.js'
import { CheckpointError } from './errors.js'

/** 2^exponent * (1 + mantissa), with what is special about each 8- and 16-bit type. */
interface SmallFloat {
  readonly exponent: number
  readonly mantissa: number
  readonly bias: number
  /** `ieee`: the largest exponent means infinities and NaNs. `last`: only all ones is NaN. `fnuz`: no -0, its pattern is the only NaN. */
  readonly special: 'ieee' | 'last' | 'fnuz'
}

const SMALL: Partial<Record<DType, SmallFloat>> = {
  f16: { exponent: 5, mantissa: 10, bias: 15, special: 'ieee' },
  f8_e5m2: { exponent: 5, mantissa: 2, bias: 15, special: 'ieee' },
  f8_e4m3: { exponent: 4, mantissa: 3, bias: 7, special: 'last' },
  f8_e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, special: 'fnuz' },
  f8_e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, special: 'fnuz' },
}

function smallFloat(bits: number, { exponent, mantissa, bias, special }: SmallFloat): number {
  const sign = bits >> (exponent + mantissa) ? -1 : 1
  const magnitude = bits & ((1 << (exponent + mantissa)) - 1)
  const e = magnitude >> mantissa
  const m = magnitude & ((1 << mantissa) - 1)
  if (special === 'fnuz' && sign < 0 && magnitude === 0) return Number.NaN
  if (special === 'last' && magnitude === (1 << (exponent + mantissa)) - 1) return Number.NaN
  if (special === 'ieee' && e === (1 << exponent) - 1) return m === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (e === 0 ? m * 2 ** (1 - bias - mantissa) : (2 ** mantissa + m) * 2 ** (e - bias - mantissa))
}

const tables = new Map<DType, Float32Array>()

/** The value of every bit pattern: 256 KiB for f16, made when first needed. */
function tableOf(dtype: DType): Float32Array | undefined {
  const kind = SMALL[dtype]
  if (kind === undefined && dtype !== 'f8_e8m0') return undefined
  let table = tables.get(dtype)
  if (table === undefined) {
    table = Float32Array.from({ length: dtype === 'f16' ? 65536 : 256 }, (_, bits) =>
      kind ? smallFloat(bits, kind) : bits === 0xff ? Number.NaN : 2 ** (bits - 127),
    )
    tables.set(dtype, table)
  }
  return table
}

export type ElementArray =
  | Float64Array
  | Float32Array
  | BigUint64Array
  | BigInt64Array
  | Uint32Array
  | Int32Array
  | Uint16Array
  | Int16Array
  | Uint8Array
  | Int8Array

const NATIVE: Partial<Record<DType, new (buffer: ArrayBufferLike, offset: number, length: number) => ElementArray>> = {
  f64: Float64Array,
  f32: Float32Array,
  c128: Float64Array,
  c64: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  u32: Uint32Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
}

/**
 * The elements as JavaScript's typed array of the type: a view of `bytes` where their address is aligned, a copy otherwise.
 * Types without an array of their own come as their bits (`f16`, `bf16`: Uint16Array; the 8-bit floats, the packed types and
 * `bool`: Uint8Array), complex numbers as pairs.
 */
export function toTypedArray(bytes: Uint8Array, dtype: DType): ElementArray {
  const width = bitsOf(dtype) < 8 ? 1 : bytesPerElement(dtype)
  const Type = NATIVE[dtype] ?? (width === 2 ? Uint16Array : Uint8Array)
  const unit = dtype[0] === 'c' ? width / 2 : width
  if (bytes.length % width !== 0)
    throw new CheckpointError('InvalidTensor', `${bytes.length} bytes are no whole number of ${dtype} elements`)
  const aligned = bytes.byteOffset % unit === 0 ? bytes : new Uint8Array(bytes)
  return new Type(aligned.buffer, aligned.byteOffset, aligned.length / unit)
}

/**
 * The elements as float32: exact for `f16`, `bf16` and the 8-bit floats, rounded to nearest (ties to even) once for wider types;
 * booleans become 0 and 1. `f32` bytes at an aligned address come back as a view.
 *
 * @throws CheckpointError UnsupportedDtype for complex numbers and the packed types
 */
export function toFloat32(bytes: Uint8Array, dtype: DType): Float32Array {
  const elements = plainElements(bytes, dtype)
  if (elements instanceof Float32Array) return elements
  const table = tableOf(dtype)
  const out = new Float32Array(elements.length)
  if (dtype === 'bf16') {
    const bits = new Uint32Array(out.buffer)
    for (let i = 0; i < bits.length; i++) bits[i] = (elements[i] as number) << 16
  } else if (table) for (let i = 0; i < out.length; i++) out[i] = table[elements[i] as number] as number
  else if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
    for (let i = 0; i < out.length; i++) out[i] = roundOnce(elements[i] as bigint)
  else if (dtype === 'bool') for (let i = 0; i < out.length; i++) out[i] = elements[i] ? 1 : 0
  else out.set(elements)
  return out
}

/** The elements as float64: exact for all but 64-bit integers beyond 2^53, which are rounded. See {@link toFloat32}. */
export function toFloat64(bytes: Uint8Array, dtype: DType): Float64Array {
  const elements = plainElements(bytes, dtype)
  if (elements instanceof Float64Array) return elements
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
    return Float64Array.from(elements as Iterable<bigint>, Number)
  const direct = NATIVE[dtype] !== undefined || dtype[0] === 'u'
  return Float64Array.from(direct ? (elements as Int32Array) : toFloat32(bytes, dtype))
}

function plainElements(bytes: Uint8Array, dtype: DType): ElementArray {
  if (dtype[0] === 'c')
    throw new CheckpointError('UnsupportedDtype', `${dtype} holds complex numbers; take their parts with toTypedArray`)
  bytesPerElement(dtype)
  return toTypedArray(bytes, dtype)
}

/** A 64-bit integer to float32 without rounding to float64 first: the bits that float64 would drop are kept as one. */
function roundOnce(value: bigint): number {
  const low = value & 0x7ffn
  const large = value >= 2n ** 53n || value <= -(2n ** 53n)
  return Math.fround(Number(large && low !== 0n ? (value - low) | 0x400n : value))
}

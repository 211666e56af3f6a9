import { DTypeError } from './errors.js'

/** Element types. `bool` is one byte, 0 or 1. `f64` is for the reference backend. */
export type DType = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'u8' | 'bool'

/** Bytes of one element. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  u8: 1,
  bool: 1,
}

/** Throws `DTypeError` for anything but an element type: plain JavaScript may pass what TypeScript would refuse. */
export function checkDType(dtype: DType): void {
  if (!Object.hasOwn(bytesPerElement, dtype))
    throw new DTypeError(`there is no element type "${dtype}"; use one of ${Object.keys(bytesPerElement).join(', ')}`)
}

/** True for the types that gradients flow through. */
export const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f64' || dtype === 'f16' || dtype === 'bf16'

/** What `Tensor.data()` gives for each type; f16 and bf16 arrive as their bit patterns. */
export type TypedArray = Float64Array | Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array

const arrays = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const

/** A typed array of `dtype` over `bytes`, copied only when the bytes are unaligned for it. */
export function viewBytes(dtype: DType, bytes: Uint8Array): TypedArray {
  const size = bytesPerElement[dtype]
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return new arrays[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / size)
}

/**
 * The bytes of `values` as elements of `dtype`: floats rounded to nearest even, whole numbers truncated, booleans `!= 0`.
 * A `Uint16Array` for f16 or bf16 holds bit patterns, as `Tensor.data()` gives them.
 */
export function encode(dtype: DType, values: TypedArray | readonly number[]): Uint8Array {
  // Not booleans: bytes need not be 0 or 1.
  const exact = dtype !== 'bool' && !Array.isArray(values) && (values as TypedArray).constructor === arrays[dtype]
  const array = exact ? (values as TypedArray) : convert(dtype, values as ArrayLike<number | bigint>)
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)
}

function convert(dtype: DType, values: ArrayLike<number | bigint>): TypedArray {
  const n = values.length
  const out = new arrays[dtype](n)
  for (let i = 0; i < n; i++) {
    if (dtype === 'i64') (out as BigInt64Array)[i] = wholeNumber(values[i])
    else (out as Float64Array)[i] = toElement(dtype, Number(values[i]))
  }
  return out
}

/** NaN and the infinities become 0, as they do in an `Int32Array`. */
const wholeNumber = (value: number | bigint): bigint =>
  typeof value === 'bigint' ? value : BigInt(Number.isFinite(value) ? Math.trunc(value) : 0)

const f32 = new Float32Array(1)
const bits = new Uint32Array(f32.buffer)

function toElement(dtype: DType, value: number): number {
  if (dtype === 'f16') return f16Bits(value)
  if (dtype === 'bf16') return bf16Bits(value)
  if (dtype === 'bool') return value === 0 ? 0 : 1
  return value
}

/** The 16-bit pattern of `value` as an IEEE half, rounded to nearest even. */
export function f16Bits(value: number): number {
  f32[0] = value
  const sign = (bits[0] >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  // Below 2^-14 halves are spaced 2^-24 apart; above, 2^(exponent - 10).
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude || 2 ** -30)))
  const corrected = magnitude < 2 ** exponent ? Math.max(-14, exponent - 1) : exponent
  const ulp = 2 ** (corrected - 10)
  const quotient = roundHalfEven(magnitude / ulp)
  // Adding, not or-ing: a mantissa that rounds up to 2^11 carries into the exponent.
  return sign | (((corrected + 14) << 10) + quotient)
}

/** The 16-bit pattern of `value` as bfloat16, rounded to nearest even. */
export function bf16Bits(value: number): number {
  f32[0] = value
  if (Number.isNaN(value)) return 0x7fc0
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** The number that a 16-bit half pattern stands for. */
export function f16Value(pattern: number): number {
  const exponent = (pattern >>> 10) & 31
  const mantissa = pattern & 1023
  const sign = pattern & 0x8000 ? -1 : 1
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25))
}

/** The number that a bfloat16 pattern stands for. */
export function bf16Value(pattern: number): number {
  bits[0] = pattern << 16
  return f32[0]
}

/** Elements of `dtype` as doubles; i64 beyond 2^53 is an error, as it would lose digits. */
export function decode(dtype: DType, bytes: Uint8Array): Float64Array {
  const array = viewBytes(dtype, bytes)
  const out = new Float64Array(array.length)
  for (let i = 0; i < out.length; i++) {
    const v = array[i]
    if (typeof v === 'bigint') {
      if (v > 9007199254740991n || v < -9007199254740991n)
        throw new DTypeError(`i64 value ${v} at index ${i} does not fit a double; read it with data()`)
      out[i] = Number(v)
    } else out[i] = dtype === 'f16' ? f16Value(v) : dtype === 'bf16' ? bf16Value(v) : v
  }
  return out
}

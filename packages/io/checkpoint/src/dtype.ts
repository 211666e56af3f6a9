import { CheckpointError } from './errors.js'

/**
 * Element types, with their size in bits and their name in safetensors (absent: the format has none).
 * Ordered as safetensors sorts a file: the widest first, `bool` last.
 */
const TABLE = {
  u64: { bits: 64, safetensors: 'U64' },
  i64: { bits: 64, safetensors: 'I64' },
  f64: { bits: 64, safetensors: 'F64' },
  c64: { bits: 64, safetensors: 'C64' },
  f32: { bits: 32, safetensors: 'F32' },
  u32: { bits: 32, safetensors: 'U32' },
  i32: { bits: 32, safetensors: 'I32' },
  bf16: { bits: 16, safetensors: 'BF16' },
  f16: { bits: 16, safetensors: 'F16' },
  u16: { bits: 16, safetensors: 'U16' },
  i16: { bits: 16, safetensors: 'I16' },
  f8_e5m2fnuz: { bits: 8, safetensors: 'F8_E5M2FNUZ' },
  f8_e4m3fnuz: { bits: 8, safetensors: 'F8_E4M3FNUZ' },
  f8_e8m0: { bits: 8, safetensors: 'F8_E8M0' },
  f8_e4m3: { bits: 8, safetensors: 'F8_E4M3' },
  f8_e5m2: { bits: 8, safetensors: 'F8_E5M2' },
  i8: { bits: 8, safetensors: 'I8' },
  u8: { bits: 8, safetensors: 'U8' },
  f6_e3m2: { bits: 6, safetensors: 'F6_E3M2' },
  f6_e2m3: { bits: 6, safetensors: 'F6_E2M3' },
  f4: { bits: 4, safetensors: 'F4' },
  bool: { bits: 8, safetensors: 'BOOL' },
  c128: { bits: 128, safetensors: undefined },
} as const

/** Element type of a tensor in a file. `c64` and `c128` are pairs of f32 and f64; `f4`, `f6_*` are packed. */
export type DType = keyof typeof TABLE

export const DTYPES = Object.keys(TABLE) as readonly DType[]

const FROM_SAFETENSORS = new Map<string, DType>(DTYPES.flatMap((t) => (TABLE[t].safetensors ? [[TABLE[t].safetensors, t]] : [])))

export const fromSafetensorsName = (name: string): DType | undefined => FROM_SAFETENSORS.get(name)

export const safetensorsName = (dtype: DType): string | undefined => TABLE[dtype].safetensors

/** Position in the order of a safetensors file. */
export const dtypeRank = (dtype: DType): number => DTYPES.indexOf(dtype)

export const bitsOf = (dtype: DType): number => TABLE[dtype].bits

/** Bytes of one element. @throws CheckpointError for the packed types, whose elements have no byte of their own. */
export function bytesPerElement(dtype: DType): number {
  const { bits } = TABLE[dtype]
  if (bits % 8 !== 0)
    throw new CheckpointError('UnsupportedDtype', `${dtype} packs ${bits}-bit elements; only its raw bytes can be read`)
  return bits / 8
}

/** Bytes that change places when the byte order changes: a complex number is two floats. */
export const swapUnit = (dtype: DType): number => (dtype[0] === 'c' ? bytesPerElement(dtype) / 2 : bytesPerElement(dtype))

/** Bytes of a tensor, or undefined where that is no safe integer. */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number | undefined {
  const bits = shape.reduce((product, size) => product * BigInt(size), BigInt(bitsOf(dtype)))
  return bits % 8n === 0n && bits / 8n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bits / 8n) : undefined
}

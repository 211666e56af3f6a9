import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bitsOf, CheckpointError, DTYPES, type DType, toFloat32, toFloat64, toTypedArray } from '../src/index.js'

const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Straight from the definition of IEEE binary16, in float64. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = (bits & 1023) / 1024
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15)
}

describe('toFloat32', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i)

  it('gives all 65536 halves', () => {
    const values = toFloat32(bytes(all), 'f16')
    expect(values.every((value, i) => Object.is(value, half(i)))).toBe(true)
    expect(toFloat64(bytes(all), 'f16').every((value, i) => Object.is(value, half(i)))).toBe(true)
  })

  it('gives all 65536 bfloat16 with their bits', () => {
    const bits = new Uint32Array(toFloat32(bytes(all), 'bf16').buffer)
    expect(bits.every((b, i) => b === i * 65536)).toBe(true)
  })

  it('knows what is special about each 8-bit type', () => {
    const of = (dtype: DType, ...patterns: number[]) => [...toFloat32(Uint8Array.from(patterns), dtype)]
    expect(of('f8_e4m3', 0x7e, 0x7f, 0xff, 0x80, 0x01)).toEqual([448, Number.NaN, Number.NaN, -0, 2 ** -9])
    expect(of('f8_e5m2', 0x7b, 0x7c, 0xfc, 0x7d, 0x01)).toEqual([
      57344,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      2 ** -16,
    ])
    expect(of('f8_e4m3fnuz', 0x7f, 0x80, 0xff, 0x01, 0x00)).toEqual([240, Number.NaN, -240, 2 ** -10, 0])
    expect(of('f8_e5m2fnuz', 0x7f, 0x80, 0xff, 0x01, 0x00)).toEqual([57344, Number.NaN, -57344, 2 ** -17, 0])
    expect(of('f8_e8m0', 0, 127, 254, 255)).toEqual([2 ** -127, 1, 2 ** 127, Number.NaN])
    expect(of('bool', 0, 1, 2)).toEqual([0, 1, 1])
  })

  it('rounds 64-bit integers once', () => {
    // 2^60 + 2^36 lies between two float32; the last bit decides, and float64 would have dropped it.
    const tie = 2n ** 60n + 2n ** 36n
    const values = [tie, tie + 1n, tie - 1n, -tie - 1n, 2n ** 53n + 1n, 7n]
    const expected = [2 ** 60, 2 ** 60 + 2 ** 37, 2 ** 60, -(2 ** 60) - 2 ** 37, 2 ** 53, 7]
    expect([...toFloat32(bytes(BigInt64Array.from(values)), 'i64')]).toEqual(expected)
    expect([...toFloat32(bytes(BigUint64Array.of(2n ** 64n - 1n)), 'u64')]).toEqual([2 ** 64])
  })

  it('rounds f64 and 32-bit integers as the language does', () => {
    fc.assert(
      fc.property(fc.float64Array({ maxLength: 20 }), fc.int32Array({ maxLength: 20 }), (doubles, integers) => {
        expect(toFloat32(bytes(doubles), 'f64')).toEqual(Float32Array.from(doubles))
        expect(toFloat32(bytes(integers), 'i32')).toEqual(Float32Array.from(integers))
        expect(toFloat64(bytes(integers), 'i32')).toEqual(Float64Array.from(integers))
      }),
    )
  })
})

describe('toTypedArray', () => {
  it.each(DTYPES)('%s: a view where aligned, a copy where not', (dtype) => {
    const size = Math.max(1, bitsOf(dtype) / 8)
    const file = Uint8Array.from({ length: 4 * size + 1 }, (_, i) => i)
    const aligned = toTypedArray(file.subarray(0, 4 * size), dtype)
    expect(aligned.buffer).toBe(file.buffer)
    const odd = toTypedArray(file.subarray(1), dtype)
    expect(bytes(odd)).toEqual(file.slice(1))
    expect(odd.buffer === file.buffer).toBe(odd.BYTES_PER_ELEMENT === 1)
  })

  it('copies a Node Buffer at an odd address, whose slice() would be a view', () => {
    const buffer = Buffer.from(new Uint8Array(9)).subarray(1)
    expect([...toFloat32(buffer, 'f32')]).toEqual([0, 0])
  })

  it('refuses half elements, complex and packed numbers', () => {
    expect(() => toTypedArray(new Uint8Array(7), 'f32')).toThrow(CheckpointError)
    expect(() => toFloat32(new Uint8Array(8), 'c64')).toThrow(/complex/)
    expect(() => toFloat64(new Uint8Array(8), 'f4')).toThrow(/packs 4-bit/)
  })
})

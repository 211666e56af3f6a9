import { type DType, f16Value } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { strided, suite } from './reference.js'

const { check, run } = suite()
const types: DType[] = ['f32', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool']
const pairs = types.flatMap((from) => types.filter((to) => to !== from).map((to) => [from, to] as const))

/** Values that every one of both types holds once truncated. */
function values(from: DType, to: DType): number[] {
  const small = Array.from({ length: 49 }, (_, i) => (i * 37) % 256)
  if (from === 'bool') return small.map((v) => v % 2)
  if (from === 'u8' || to === 'u8') return from === 'u8' || to !== 'u8' || from[0] === 'i' ? small : small.map((v) => v + 0.75)
  const both = small.flatMap((v) => [v, -v])
  if (from === 'i32' || from === 'i64') return [...both, 65504, -65504, 2 ** 24 - 1, -(2 ** 24) + 1, 2 ** 30 + 2 ** 10]
  const fractions = [...both, 0.5, -0.5, 1.5, 2.5, -2.5, 0.999, 1023.75, -0, 1e-3]
  if (to === 'i32' || to === 'i64') return fractions
  const tiny = [2 ** -24, 2 ** -25, 1.5 * 2 ** -25, -(2 ** -15), 3 * 2 ** -26, 1e-42]
  return [
    ...fractions,
    ...tiny,
    65504,
    65519,
    65520,
    -7e4,
    3.3e38,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ]
}

test.each(pairs)('from %s to %s', async (from, to) => {
  const all = values(from, to)
  for (const data of [all, [], all.slice(0, 1), all.slice(-7)]) {
    await check('cast', [{ data, shape: [data.length], dtype: from }], { dtype: to })
  }
  const many = Array.from({ length: 20_001 }, (_, i) => all[i % all.length])
  await check('cast', [{ data: many, shape: [many.length], dtype: from }], { dtype: to })
})

test('every half becomes the f32 it stands for, and comes back', async () => {
  const finite = Array.from({ length: 65536 }, (_, i) => i).filter((bits) => ((bits >> 10) & 31) !== 31)
  const data = finite.map(f16Value)
  await check('cast', [{ data, shape: [data.length], dtype: 'f16' }], { dtype: 'f32' })
  const { actual } = await run('cast', [{ data, shape: [data.length] }], { dtype: 'f16' })
  expect(Array.from(actual as Uint16Array)).toEqual(finite)
})

test('any f32 is rounded to the nearest half and bfloat16, ties to even', async () => {
  const floats = fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 50 })
  const ties = fc.array(
    fc.integer({ min: 0, max: 0x7bfe }).map((bits) => (f16Value(bits) + f16Value(bits + 1)) / 2),
    { minLength: 1, maxLength: 50 },
  )
  await fc.assert(
    fc.asyncProperty(fc.oneof(floats, ties), async (data) => {
      for (const dtype of ['f16', 'bf16'] as const) await check('cast', [{ data, shape: [data.length] }], { dtype })
    }),
    { numRuns: 100 },
  )
})

describe('out of range', () => {
  const of = async (from: DType, to: DType, data: readonly number[]) =>
    Array.from((await run('cast', [{ data, shape: [data.length], dtype: from }], { dtype: to })).actual as Int32Array, Number)

  test('floats saturate and NaN becomes 0', async () => {
    const data = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e9, -3e9, 300.5, -0.5]
    expect(await of('f32', 'i32', data)).toEqual([0, 2147483647, -2147483648, 2147483647, -2147483648, 300, 0])
    expect(await of('f32', 'u8', data)).toEqual([0, 255, 0, 255, 0, 255, 0])
    expect(await of('f32', 'bool', data)).toEqual([1, 1, 1, 1, 1, 1, 1])
    const { actual } = await run('cast', [{ data: [1e30, -1e30, Number.NaN], shape: [3] }], { dtype: 'i64' })
    expect(Array.from(actual as BigInt64Array)).toEqual([2n ** 63n - 1n, -(2n ** 63n), 0n])
  })

  test('integers keep their low bits', async () => {
    expect(await of('i32', 'u8', [256, 257, -1])).toEqual([0, 1, 255])
    expect(await of('i64', 'i32', [2 ** 32 + 5, -1])).toEqual([5, -1])
    expect(await of('i64', 'bool', [2 ** 32, 0])).toEqual([1, 0])
  })
})

test('a strided input', async () => {
  const x = strided(
    Array.from({ length: 60 }, (_, i) => i),
    [3, 4, 5],
    'permuted',
  )
  await check('cast', [x], { dtype: 'i32' })
})

test('a cast to the same type is refused', async () => {
  await expect(run('cast', [{ data: [1], shape: [1] }], { dtype: 'f32' })).rejects.toThrow(/no cast/)
})

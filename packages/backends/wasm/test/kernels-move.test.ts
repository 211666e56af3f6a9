import { contiguousStrides, type DType, sizeOf } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Input, noise } from './launch.js'
import { awkward, strided, suite } from './reference.js'

const { check, run } = suite()

/** Small whole numbers, exact in every type. */
const whole = (count: number, dtype: DType) => Array.from({ length: count }, (_, i) => (dtype === 'bool' ? i % 2 : i % 251))
const types: DType[] = ['f32', 'i32', 'i64', 'u8', 'bool', 'f16', 'bf16']
const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })

/** A tensor of `shape` whose axes are stored in the order given by `order`. */
function permuted(shape: readonly number[], order: readonly number[], dtype: DType = 'f32'): Input {
  const own = contiguousStrides(order.map((axis) => shape[axis]))
  return { data: whole(sizeOf(shape), dtype), shape, strides: shape.map((_, axis) => own[order.indexOf(axis)]), dtype }
}

describe('copy', () => {
  test.each([
    { shape: [49, 7], order: [1, 0] },
    { shape: [197, 1025], order: [1, 0] },
    { shape: [3, 1025], order: [1, 0] },
    { shape: [1025, 3], order: [1, 0] },
    { shape: [2, 2], order: [1, 0] },
    { shape: [2, 14, 13, 3], order: [0, 3, 1, 2] },
    { shape: [2, 5, 14, 13], order: [0, 2, 3, 1] },
    { shape: [24, 3, 7, 7], order: [2, 3, 1, 0] },
    { shape: [6, 5, 4, 9], order: [3, 1, 0, 2] },
  ])('of $shape stored as $order', async ({ shape, order }) => {
    await check('copy', [permuted(shape, order)])
    await check('copy', [permuted(shape, order, 'u8')])
    await check('copy', [permuted(shape, order, 'i64')])
  })

  test('of any shape and order', async () => {
    const cases = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        order: fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
        dtype: fc.constantFrom(...types),
      }),
    )
    await fc.assert(
      fc.asyncProperty(cases, ({ shape, order, dtype }) => check('copy', [permuted(shape, order, dtype)])),
      { numRuns: 100 },
    )
  })

  test.each(types)('of broadcast %s', async (dtype) => {
    await check('copy', [{ data: whole(7, dtype), shape: [5, 7, 49], strides: [0, 1, 0], dtype }])
    await check('copy', [{ data: [1], shape: [3, 3], strides: [0, 0], dtype }])
  })

  test('of rows too long for one piece, every length of row, every value', async () => {
    await check('copy', [{ data: noise(3 * 20_001), shape: [3, 20_000], strides: [20_001, 1] }])
    for (let n = 0; n < 40; n++)
      await check('copy', [{ data: whole(3 * (n + 1), 'u8'), shape: [3, n], strides: [n + 1, 1], dtype: 'u8' }])
    await check('copy', [{ data: awkward, shape: [7, 2], strides: [1, 7] }])
  })
})

describe('concat', () => {
  test('along every axis, of every type', async () => {
    for (const dtype of types) {
      for (const axis of [0, 1, 2]) {
        const shape = (n: number) => [3, 4, 5].map((d, i) => (i === axis ? n : d))
        const inputs = [1, 0, 7, 2].map((n) => ({ data: whole(sizeOf(shape(n)), dtype), shape: shape(n), dtype }))
        await check('concat', inputs, { axis })
      }
    }
  })
  test('of strided inputs', async () => {
    const inputs = [
      strided(noise(3 * 8 * 5), [3, 8, 5], 'permuted'),
      strided(noise(3 * 8 * 6), [3, 8, 6], 'gaps'),
      { data: noise(8), shape: [3, 8, 4], strides: [0, 1, 0] },
    ]
    await check('concat', inputs, { axis: 2 })
    await check('concat', [permuted([197, 64], [1, 0]), permuted([1025, 64], [1, 0])], { axis: 0 })
  })
  test('of tensors that threads share', async () => {
    const inputs = [49, 97, 1].map((c) => ({ data: noise(3136 * c), shape: [3136, c] }))
    await check('concat', inputs, { axis: 1 })
  })
})

describe('pad', () => {
  const cases = shapes.chain((shape) => {
    const counts = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: shape.length, maxLength: shape.length })
    return fc.record({
      shape: fc.constant(shape),
      before: counts,
      after: counts,
      interior: fc.oneof(fc.constant(shape.map(() => 0)), counts),
      value: fc.constantFrom(0, 1, 17),
      dtype: fc.constantFrom(...types),
    })
  })
  test('of any shape by any amount', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, dtype, value, ...attrs }) => {
        const x = { data: whole(sizeOf(shape), dtype), shape, dtype }
        await check('pad', [x], { ...attrs, value: dtype === 'bool' ? Math.min(1, value) : value })
      }),
      { numRuns: 100 },
    )
  })
  test('of images, strided ones, and with values that are no ordinary numbers', async () => {
    const around = { before: [0, 3, 3, 0], after: [0, 2, 3, 0], interior: [0, 0, 0, 0] }
    for (const value of [0, Number.NEGATIVE_INFINITY, Number.NaN, -0, 0.1]) {
      await check('pad', [{ data: noise(2 * 56 * 56 * 24), shape: [2, 56, 56, 24] }], { ...around, value })
      await check('pad', [strided(noise(2 * 5 * 7 * 9), [2, 5, 7, 9], 'permuted')], { ...around, value })
      await check('pad', [strided(noise(2 * 5 * 7 * 9), [2, 5, 7, 9], 'gaps')], { ...around, value })
    }
  })
  test('of nothing', async () => {
    await check('pad', [{ data: [], shape: [0, 3] }], { before: [2, 1], after: [1, 0], interior: [1, 0], value: 5 })
    await check('pad', [{ data: [], shape: [3, 0] }], { before: [2, 1], after: [1, 3], interior: [0, 1], value: 5 })
    await check('pad', [{ data: [9], shape: [] }], { before: [], after: [], interior: [], value: 5 })
  })
})

test('flip turns any axes of any type', async () => {
  const cases = shapes.chain((shape) =>
    fc.record({ shape: fc.constant(shape), axes: fc.subarray(shape.map((_, i) => i)), dtype: fc.constantFrom(...types) }),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ({ shape, axes, dtype }) => {
      await check('flip', [{ data: whole(sizeOf(shape), dtype), shape, dtype }], { axes })
      await check('flip', [strided(noise(sizeOf(shape)), shape, 'permuted')], { axes })
    }),
    { numRuns: 60 },
  )
  await check('flip', [{ data: [], shape: [0, 3] }], { axes: [0, 1] })
})

describe('gather and scatterAdd', () => {
  const index = (values: readonly number[], shape: readonly number[] = [values.length]): Input => ({
    data: values,
    shape,
    dtype: 'i32',
  })

  test('rows by index, zeros outside', async () => {
    for (const dtype of types) {
      for (const length of [1, 3, 16, 97]) {
        const x = { data: whole(7 * length, dtype), shape: [7, length], dtype }
        await check('gather', [x, index([6, 0, -1, 7, 3, 3, 2 ** 31 - 1, -(2 ** 31)], [2, 4])])
      }
    }
    await check('gather', [strided(noise(7 * 3 * 5), [7, 3, 5], 'permuted'), index([1, 6, 9])])
    await check('gather', [{ data: noise(7 * 20), shape: [7, 5], strides: [20, 1] }, index([1, 6, 9])])
    await check('gather', [{ data: [], shape: [0, 5] }, index([0, 1])])
    await check('gather', [{ data: noise(5), shape: [5] }, index([])])
  })

  test('an index with strides', async () => {
    await check('gather', [
      { data: noise(35), shape: [7, 5] },
      { data: [0, 1, 2, 3, 4, 5], shape: [3, 2], strides: [1, 3], dtype: 'i32' },
    ])
  })

  test.each([1, 3, 4, 49, 197])('sums of rows of %i', async (length) => {
    const count = 300
    const values = Array.from({ length: count }, (_, i) => ((i * 7) % 13) - 1)
    const g = { data: noise(count * length), shape: [count, length] }
    await check('scatterAdd', [g, index(values)], { rows: 11 }, { ofLargest: 1e-6 })
    await check('scatterAdd', [{ ...g, data: whole(count * length, 'i32'), dtype: 'i32' as const }, index(values)], { rows: 11 })
  })

  test('sums of nothing', async () => {
    await check('scatterAdd', [{ data: [], shape: [0, 5] }, index([])], { rows: 3 })
    await check('scatterAdd', [{ data: noise(5), shape: [1, 5] }, index([0])], { rows: 0 })
  })
})

test('double precision is refused with the way out', async () => {
  await expect(run('copy', [{ data: [1, 2], shape: [2], dtype: 'f64' }])).rejects.toThrow(/not f64; .* cast\(\) to f32/)
  await expect(run('flip', [{ data: [1, 2], shape: [2], dtype: 'f64' }], { axes: [0] })).rejects.toThrow(
    /not f64; .* cast\(\) to f32/,
  )
})

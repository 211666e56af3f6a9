import { type ReduceKind, sizeOf } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noise } from './launch.js'
import { awkward, strided, suite } from './reference.js'

const { check, run } = suite()
const kinds: ReduceKind[] = ['sum', 'mean', 'max', 'min']

describe.each(kinds)('%s', (kind) => {
  /** For elements up to 1: exact where nothing is added. */
  const within = (x: readonly number[], axes: readonly number[]) => {
    const count = axes.reduce((n, axis) => n * x[axis], 1)
    return { absolute: kind === 'sum' ? 1e-7 * count : kind === 'mean' ? 1e-7 : 0 }
  }
  test.each([
    { shape: [197], axes: [0] },
    { shape: [7, 1025], axes: [1] },
    { shape: [1025, 7], axes: [0] },
    { shape: [1025, 49], axes: [0] },
    { shape: [2, 7, 7, 49], axes: [1, 2] },
    { shape: [3, 4, 5, 6], axes: [0, 2] },
    { shape: [3, 4, 5, 6], axes: [1, 3] },
    { shape: [3, 4, 5], axes: [0, 1, 2] },
    { shape: [3, 1, 5], axes: [1] },
    { shape: [40, 60, 70], axes: [1] },
    { shape: [], axes: [] },
    { shape: [0], axes: [0] },
    { shape: [3, 0], axes: [1] },
    { shape: [0, 5], axes: [0] },
    { shape: [0, 5], axes: [1] },
  ])('of $shape over $axes', async ({ shape, axes }) => {
    await check('reduce', [{ data: noise(sizeOf(shape)), shape }], { kind, axes }, within(shape, axes))
  })

  test('of any shape, axes and strides', async () => {
    const cases = fc.record({
      shape: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
      reduced: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      how: fc.constantFrom('gaps' as const, 'permuted' as const),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, reduced, how }) => {
        const axes = shape.map((_, i) => i).filter((i) => reduced[i])
        await check('reduce', [strided(noise(sizeOf(shape)), shape, how)], { kind, axes }, within(shape, axes))
      }),
      { numRuns: 60 },
    )
  })

  test('of a broadcast', async () => {
    const x = { data: noise(5), shape: [7, 5], strides: [0, 1] }
    await check('reduce', [x], { kind, axes: [0] }, within([7], [0]))
    await check('reduce', [x], { kind, axes: [1] }, within([5], [0]))
    await check('reduce', [{ data: [3], shape: [50, 7], strides: [0, 0] }], { kind, axes: [0, 1] }, { relative: 1e-6 })
  })

  test('passes NaN and infinities on', async () => {
    const data = awkward.flatMap((v) => [1, 2, 3, 4, v, 6, 7])
    const shape = [awkward.length, 7]
    await check('reduce', [{ data, shape }], { kind, axes: [1] }, { relative: 1e-6 })
    const columns = Array.from({ length: 7 * awkward.length }, (_, i) =>
      i < 3 * awkward.length ? 1 : awkward[i % awkward.length],
    )
    const capped = columns.map((v) => (Math.abs(v) === 3.4e38 ? 1e30 : v))
    await check('reduce', [{ data: capped, shape: [7, awkward.length] }], { kind, axes: [0] }, { relative: 1e-6 })
  })
})

test.each([
  { shape: [1_000_000], axes: [0] },
  { shape: [100_000, 7], axes: [0] },
  { shape: [2, 100, 100, 33], axes: [0, 1, 2] },
])('a mean over $shape keeps seven digits', async ({ shape, axes }) => {
  const data = noise(sizeOf(shape)).map((v) => v + 1)
  await check('reduce', [{ data, shape }], { kind: 'mean', axes }, { relative: 1.5e-7 })
})

test('integers are added, and compared, as integers', async () => {
  const data = Array.from({ length: 7 * 11 }, (_, i) => 16_777_217 + i * (i % 2 === 0 ? 1 : -1))
  for (const kind of ['sum', 'max', 'min'] as const) {
    for (const axes of [[0], [1], [0, 1]]) await check('reduce', [{ data, shape: [7, 11], dtype: 'i32' }], { kind, axes })
  }
  await expect(run('reduce', [{ data: [1], shape: [1], dtype: 'u8' }], { kind: 'sum', axes: [0] })).rejects.toThrow(
    /not u8; cast/,
  )
})

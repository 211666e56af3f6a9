import { describe, expect, test } from 'vitest'
import type { Input } from './launch.js'
import { noise } from './launch.js'
import { awkward, strided, suite } from './reference.js'

const { check, run } = suite()
const widths = [1, 3, 4, 7, 49, 96, 197, 1025, 4608]

describe('layerNorm', () => {
  const affine = (c: number): Input[] => [
    { data: noise(c, 2), shape: [c] },
    { data: noise(c, 3), shape: [c] },
  ]
  test.each(widths)('over %i channels', async (c) => {
    const rows = 7
    const x: Input = { data: noise(rows * c).map((v) => 3 * v + 5), shape: [rows, c] }
    await check('layerNorm', [x], { eps: 1e-6 }, { ofLargest: 1e-5 })
    await check('layerNorm', [x, ...affine(c)], { eps: 1e-5 }, { ofLargest: 1e-5 })
  })

  test('rows shared by threads, no rows, rows of large values', async () => {
    await check('layerNorm', [{ data: noise(3136 * 24), shape: [1, 56, 56, 24] }], { eps: 1e-6 }, { ofLargest: 2e-6 })
    await check('layerNorm', [{ data: [], shape: [0, 24] }], { eps: 1e-6 })
    const far = noise(4 * 96).map((v) => 1e4 + v)
    await check('layerNorm', [{ data: far, shape: [4, 96] }], { eps: 1e-6 }, { ofLargest: 2e-3 })
  })

  test.each(['gaps', 'permuted'] as const)('%s in the input', async (how) => {
    const x = strided(noise(5 * 6 * 7), [5, 6, 7], how)
    await check('layerNorm', [x, ...affine(7)], { eps: 1e-6 }, { ofLargest: 2e-6 })
  })

  test('a NaN stays in its row', async () => {
    const data = noise(2 * 9)
    data[4] = Number.NaN
    const { actual } = await run('layerNorm', [{ data, shape: [2, 9] }], { eps: 1e-6 })
    expect(Array.from(actual as Float32Array, Number.isNaN)).toEqual(Array.from({ length: 18 }, (_, i) => i < 9))
  })
})

describe.each(['softmax', 'logSoftmax'])('%s', (op) => {
  const tolerance = { relative: 2e-6, ofLargest: 2e-7 }
  test.each(widths)('over %i elements', async (n) => {
    await check(op, [{ data: noise(5 * n).map((v) => 20 * v), shape: [5, n] }], {}, tolerance)
  })

  test('of one row, of nothing, of many rows', async () => {
    await check(op, [{ data: noise(10), shape: [10] }], {}, tolerance)
    await check(op, [{ data: [], shape: [0, 5] }], {})
    await check(op, [{ data: noise(5000 * 49), shape: [2, 2500, 49] }], {}, tolerance)
  })

  test.each(['gaps', 'permuted'] as const)('%s in the input', async (how) => {
    await check(op, [strided(noise(5 * 6 * 7), [5, 6, 7], how)], {}, tolerance)
  })

  test('rows with infinities, NaN and huge values', async () => {
    const rows = awkward.flatMap((v) => [0, 1, v, -2, 3])
    await check(op, [{ data: rows, shape: [awkward.length, 5] }], {}, tolerance)
    const masked = Number.NEGATIVE_INFINITY
    await check(op, [{ data: [masked, masked, masked, 1e4, masked, -1e4], shape: [2, 3] }], {}, tolerance)
  })
})

test('double precision is refused with the way out', async () => {
  await expect(run('layerNorm', [{ data: [1, 2], shape: [2], dtype: 'f64' }], { eps: 0 })).rejects.toThrow(
    /layerNorm is written for f32, not f64; .* cast\(\) to f32/,
  )
})

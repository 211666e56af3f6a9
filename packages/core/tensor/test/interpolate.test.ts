import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ArgumentError, interpolate, ReferenceBackend, ShapeError, sum, tensor, valueAndGrad } from '../src/index.js'

const device = new ReferenceBackend()
const row = (...values: number[]) => tensor(Float64Array.from(values), { device, dtype: 'f64', shape: [1, 1, values.length, 1] })
const numbers = async (t: { data(): Promise<ArrayLike<number | bigint>> }): Promise<number[]> =>
  Array.from(await t.data(), Number)
const size = fc.integer({ min: 1, max: 7 })
const modes = ['nearest', 'bilinear', 'bicubic'] as const

describe('by hand', () => {
  test.each([
    ['nearest', false, [1, 5], 4, [1, 1, 5, 5]],
    ['nearest', false, [1, 2, 3], 2, [1, 2]],
    ['bilinear', false, [0, 4], 4, [0, 1, 3, 4]],
    ['bilinear', true, [0, 3], 4, [0, 1, 2, 3]],
    ['bilinear', true, [2, 7], 1, [2]],
    // Half way between samples the kernel is -3/32, 19/32, 19/32, -3/32.
    ['bicubic', true, [0, 32, 0, 0], 7, [0, 19, 32, 19, 0, -3, 0]],
  ] as const)('%s, corners aligned %s: %j to %i', async (mode, alignCorners, from, width, to) => {
    const y = await numbers(interpolate(row(...from), [1, width], { mode, alignCorners }))
    for (const [i, v] of y.entries()) expect(v).toBeCloseTo(to[i], 12)
  })
})

test('a scale sets the distance of the samples too, where sizes would round it', async () => {
  // 5 · 1.5 is 7.5, so 7 samples at (i + 0.5) / 1.5 - 0.5; the last is at 3.833. To 7 samples it would be at 4.143 of 4.
  const scaled = await numbers(interpolate(row(0, 1, 2, 3, 4), { scale: [1, 1.5] }, { mode: 'bilinear' }))
  expect(scaled).toHaveLength(7)
  expect(scaled[6]).toBeCloseTo(6.5 / 1.5 - 0.5, 12)
  expect(await numbers(interpolate(row(0, 1, 2), { scale: 2 }, { mode: 'bicubic' }))).toEqual(
    await numbers(interpolate(row(0, 1, 2), [2, 6], { mode: 'bicubic' })),
  )
  expect(await numbers(interpolate(row(0, 1, 2, 3), { scale: [1, 0.7] }, { mode: 'nearest' }))).toEqual([0, 1])
  expect(() => interpolate(row(1, 2), { scale: 0.3 }, { mode: 'nearest' })).toThrow(/sizes from 1, got 1 × 2 to 0 × 0/)
})

test('constants stay, the same size changes nothing, and gradients keep the sum', async () => {
  await fc.assert(
    fc.asyncProperty(
      size,
      size,
      size,
      size,
      fc.constantFrom(...modes),
      fc.boolean(),
      async (h, w, height, width, mode, corners) => {
        const options = { mode, alignCorners: corners && mode !== 'nearest' }
        const shape = [2, h, w, 3]
        const constant = tensor(new Float64Array(6 * h * w).fill(2.5), { device, dtype: 'f64', shape })
        const resized = interpolate(constant, [height, width], options)
        expect(resized.shape).toEqual([2, height, width, 3])
        for (const v of await numbers(resized)) expect(v).toBeCloseTo(2.5, 12)
        const x = tensor(
          Float64Array.from({ length: 6 * h * w }, (_, i) => Math.sin(i)),
          { device, dtype: 'f64', shape },
        )
        expect(await numbers(interpolate(x, [h, w], options))).toEqual(await numbers(x))
        const { grads } = valueAndGrad(() => sum(interpolate(x, [height, width], options)), [x])
        expect((await numbers(grads[0])).reduce((a, b) => a + b, 0)).toBeCloseTo(6 * height * width, 9)
      },
    ),
    { numRuns: 40 },
  )
})

test('refuses what has no meaning', () => {
  expect(() => interpolate(row(1, 2), [1, 4], { mode: 'nearest', alignCorners: true })).toThrow(ArgumentError)
  expect(() => interpolate(row(1, 2), [1, 0], { mode: 'bilinear' })).toThrow(ArgumentError)
  expect(() => interpolate(tensor([1, 2], { device }), [1, 4], { mode: 'bilinear' })).toThrow(ShapeError)
})

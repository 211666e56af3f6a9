import fc from 'fast-check'
import { expect, test } from 'vitest'
import { conv2d, convTranspose2d, DTypeError, mul, ReferenceBackend, ShapeError, sum, type Tensor, tensor } from '../src/index.js'

const device = new ReferenceBackend()
const seeded = (shape: readonly number[], seed: number): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(seed + 1.7 * i)),
    { device, dtype: 'f64', shape },
  )
const map = (values: readonly number[], shape: readonly number[]): Tensor => tensor(values, { device, dtype: 'f64', shape })
const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number)

test('by hand: taps of neighbours overlap, padding cuts off, output padding gives back', async () => {
  const [x, w] = [map([1, 10], [1, 1, 2, 1]), map([1, 2, 3], [1, 1, 1, 3])]
  expect(await numbers(convTranspose2d(x, w))).toEqual([1, 12, 23, 30])
  expect(await numbers(convTranspose2d(x, w, map([100], [1]), { stride: [1, 2] }))).toEqual([101, 102, 113, 120, 130])
  expect(await numbers(convTranspose2d(x, w, undefined, { padding: [0, 1] }))).toEqual([12, 23])
  const options = { stride: [1, 2], padding: [0, 1], outputPadding: [0, 1] } as const
  expect(await numbers(convTranspose2d(x, w, undefined, options))).toEqual([2, 13, 20, 30])
  expect(await numbers(convTranspose2d(x, w, undefined, { stride: [1, 4], outputPadding: [0, 2] }))).toEqual([
    1, 2, 3, 0, 10, 20, 30, 0, 0,
  ])
})

const axis = fc.record({
  length: fc.integer({ min: 1, max: 4 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.integer({ min: 0, max: 2 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  extra: fc.integer({ min: 0, max: 2 }),
})
const sizeOf = ({ length, kernel, stride, padding, dilation, extra }: typeof axis extends fc.Arbitrary<infer T> ? T : never) =>
  (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1

test('is the adjoint of conv2d, for every geometry', async () => {
  await fc.assert(
    fc.asyncProperty(axis, axis, fc.constantFrom([1, 2, 3], [2, 1, 2], [3, 3, 1]), async (v, h, [groups, perIn, perOut]) => {
      // conv2d has no output padding: it gives as many windows as there are for less than a stride of it.
      const [rows, columns] = [v, h].map((a) => ({ ...a, extra: Math.min(a.extra, a.stride - 1) }))
      const [height, width] = [sizeOf(rows), sizeOf(columns)]
      // Less would be zeros alone, which nothing reaches.
      fc.pre(height > rows.extra && width > columns.extra)
      const pairs = (key: 'stride' | 'padding' | 'dilation') => [rows[key], columns[key]] as const
      const options = { stride: pairs('stride'), padding: pairs('padding'), dilation: pairs('dilation'), groups }
      const weight = seeded([groups * perIn, perOut, rows.kernel, columns.kernel], 1)
      const x = seeded([2, rows.length, columns.length, groups * perIn], 2)
      const y = convTranspose2d(x, weight, undefined, { ...options, outputPadding: [rows.extra, columns.extra] })
      expect(y.shape).toEqual([2, height, width, groups * perOut])
      const probe = seeded(y.shape, 3)
      const [left] = await numbers(sum(mul(y, probe)))
      const [right] = await numbers(sum(mul(x, conv2d(probe, weight, undefined, options))))
      expect(left).toBeCloseTo(right, 9)
    }),
    { numRuns: 100 },
  )
})

test('refuses what has no meaning', () => {
  const [x, w] = [seeded([1, 3, 3, 4], 1), seeded([4, 2, 3, 3], 2)]
  expect(() => convTranspose2d(x, seeded([3, 2, 3, 3], 1))).toThrow(ShapeError)
  expect(() => convTranspose2d(x, w, undefined, { groups: 3 })).toThrow(/3 groups do not divide 4/)
  expect(() => convTranspose2d(x, w, undefined, { stride: 2, outputPadding: 2 })).toThrow(/less than stride or dilation/)
  expect(() => convTranspose2d(x, w, undefined, { padding: 4 })).toThrow(/nothing is left/)
  expect(() => convTranspose2d(x, tensor([1], { device, dtype: 'f32', shape: [1, 1, 1, 1] }))).toThrow(ShapeError)
  expect(() => convTranspose2d(x, tensor(new Float32Array(4), { device, dtype: 'f32', shape: [4, 1, 1, 1] }))).toThrow(DTypeError)
})

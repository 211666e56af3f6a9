import { ReferenceBackend, type Tensor, tensor } from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clipAdaptively, clipByNorm, clipByValue, ema, globalNorm, LossScale } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  tensor(Float64Array.from(values), { shape, device, dtype: 'f64' })
const read = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number)
const vectors = fc.array(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 5,
})

test('a norm is that of all elements, and clipping brings it to the limit', async () => {
  await fc.assert(
    fc.asyncProperty(vectors, fc.double({ min: 0.1, max: 8, noNaN: true }), async (rows, limit) => {
      const length = Math.hypot(...rows.flat())
      const { grads, norm } = clipByNorm(
        rows.map((row) => f64(row)),
        limit,
      )
      expect(await norm.item()).toBeCloseTo(length, 10)
      const clipped = (await Promise.all(grads.map(read))).flat()
      expect(Math.hypot(...clipped)).toBeLessThanOrEqual(Math.min(limit, length) * (1 + 1e-12))
      if (length < limit - 1e-5) expect(clipped).toEqual(rows.flat())
      const largest = Math.max(...rows.flat().map(Math.abs))
      expect(
        await globalNorm(
          rows.map((row) => f64(row)),
          'max',
        ).item(),
      ).toBe(largest)
    }),
    { numRuns: 40 },
  )
})

test('by value and by unit', async () => {
  expect(await read(clipByValue([f64([-2, 0.1, 3])], 0.5)[0])).toEqual([-0.5, 0.1, 0.5])
  // Units of norm 5 and 0: the second counts as 1e-3.
  const [clipped] = clipAdaptively([f64([3, 4, 0, 0], [2, 2])], [f64([3, 4, 3, 4], [2, 2])], 0.1)
  const [a, b, c, d] = await read(clipped)
  expect([a, b]).toEqual([expect.closeTo(0.3, 12), expect.closeTo(0.4, 12)])
  expect(Math.hypot(c, d)).toBeCloseTo(1e-4, 12)
  expect(await read(clipAdaptively([f64([3, 4, 0, 0], [2, 2])], [f64([0.1, 0, 0, 0], [2, 2])], 0.1)[0])).toEqual([0.1, 0, 0, 0])
})

test('an average lies between its values and follows the newer rule', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), vectors, async (decay, rows) => {
      const average = ema({ decay })
      const { decay: d, rest } = average.scalars(3)
      const scalars = { decay: f64([d], []), rest: f64([rest], []) }
      const [from, to] = [rows[0], rows[0].map((v) => v + 1)]
      for (const [i, v] of (await read(average.update(f64(from), f64(to), scalars))).entries()) {
        expect(v).toBeGreaterThanOrEqual(from[i] - 1e-9)
        expect(v).toBeLessThanOrEqual(to[i] + 1e-9)
      }
    }),
    { numRuns: 30 },
  )
  const newer = ema({ decay: 0.999, kind: 'newer', warmup: {} })
  const decays = Array.from({ length: 40 }, (_, i) => newer.decayAt(i + 1))
  expect(decays[0]).toBe(0)
  for (const [i, d] of decays.slice(1).entries()) expect(d).toBeGreaterThan(decays[i])
  expect(newer.decayAt(1e7)).toBe(0.999)
  expect(() => ema({ decay: 1.1 })).toThrow(/from 0 to 1, got 1.1/)
})

test('the scale of a loss halves, doubles, and is restored', () => {
  const scale = new LossScale()
  scale.update(false)
  expect(scale.value).toBe(32768)
  for (let i = 0; i < 1999; i++) scale.update(true)
  const restored = new LossScale(scale.state)
  for (const one of [scale, restored]) {
    expect(one.value).toBe(32768)
    one.update(true)
    expect(one.value).toBe(65536)
  }
})

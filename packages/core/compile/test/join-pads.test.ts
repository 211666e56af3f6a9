import { Generator, mul, ReferenceBackend, split, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const device = new ReferenceBackend()
const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number)

const cases = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 5 }), fc.integer({ min: 0, max: 2 }), fc.nat())
  .map(([sizes, axis, seed]) => ({ sizes, axis, seed }))

/** The gradient of a tensor that is read in ranges, `used` of them, each scaled by its number. */
const gradient =
  (sizes: readonly number[], axis: number, used: (i: number) => boolean, more = false) =>
  (x: Tensor) => {
    const { grads } = valueAndGrad(() => {
      const parts = split(x, sizes, axis).flatMap((part, i) => (used(i) ? [sum(mul(part, mul(part, i + 1)))] : []))
      const total = parts.reduce((a, b) => mul(a, b))
      return more ? mul(total, sum(x)) : total
    }, [x])
    return grads[0]
  }

test('gradients of ranges are put side by side, not padded and summed', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ sizes, axis, seed }) => {
      const random = new Generator(seed)
      const shape = [2, 3, 2]
      shape[axis] = sizes.reduce((a, b) => a + b)
      using x = tensor(
        Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
        { shape, device, dtype: 'f64' },
      )
      const f = gradient(sizes, axis, () => true)
      using program = await compile(f, [x], { device })
      expect(String(program)).toMatch(/concat/)
      expect(String(program)).not.toMatch(/ pad /)
      const [found, expected] = [await numbers(program.run(x)), await numbers(f(x))]
      for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 8)
    }),
    { numRuns: 25 },
  )
})

test.each([
  ['a range that nobody reads', (i: number) => i !== 1, false],
  ['another gradient besides', () => true, true],
])('%s: the sum stays right', async (_, used, more) => {
  using x = tensor(Float64Array.of(1, -2, 3, 0.5, 2, -1, 4), { device, dtype: 'f64' })
  const f = gradient([2, 3, 2], 0, used, more)
  using program = await compile(f, [x], { device })
  const [found, expected] = [await numbers(program.run(x)), await numbers(f(x))]
  for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 8)
})

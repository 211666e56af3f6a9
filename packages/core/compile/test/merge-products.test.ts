import { add, concat, Generator, matmul, mul, ReferenceBackend, relu, slice, split, type Tensor, tensor } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const device = new ReferenceBackend()
const generator = new Generator(1)
const random = (...shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * generator.uniform() - 1),
    { shape, device, dtype: 'f64' },
  )

/** Products of the compiled function, whose values are held against those of the function itself. */
async function products(f: (x: Tensor) => Tensor, x: Tensor): Promise<number> {
  const program = await compile(f, [x], { device })
  const [found, expected] = [await program.run(x).data(), await f(x).data()]
  expect(found.length).toBe(expected.length)
  for (const [i, v] of (expected as Float64Array).entries()) expect(Number(found[i])).toBeCloseTo(v, 12)
  return program.toString().match(/\bmatmul\b/g)?.length ?? 0
}

const widths = [4, 3, 5]
const heads = () => widths.map((width) => ({ weight: random(width, 6), bias: random(6), share: random(1, 1) }))
const fused = (x: Tensor, set: ReturnType<typeof heads>): Tensor =>
  split(x, widths)
    .map((part, i) => mul(add(matmul(part, set[i].weight), set[i].bias), set[i].share))
    .reduce(add)

test('classifiers over parts of a vector become one', async () => {
  const set = heads()
  expect(await products((x) => fused(x, set), random(2, 12))).toBe(1)
})

test('a second set over the same parts is averaged into it, halves included', async () => {
  const [one, two] = [heads(), heads()]
  const f = (x: Tensor): Tensor => mul(add(fused(x, one), fused(x, two)), 0.5)
  expect(await products(f, random(2, 12))).toBe(1)
  const program = await compile(f, [random(2, 12)], { device })
  expect(program.toString()).not.toMatch(/mul\(/)
})

test('parts that are computed first stay parts of a concatenation', async () => {
  const set = heads()
  expect(await products((x) => fused(concat(split(x, widths).map(relu)), set), random(2, 12))).toBe(1)
})

test('ranges with a gap, of different values, and products that others read stay apart', async () => {
  const [a, b] = [random(3, 6), random(3, 6)]
  const gap = (x: Tensor): Tensor => add(matmul(slice(x, -1, 0, 3), a), matmul(slice(x, -1, 4, 7), b))
  const other = (x: Tensor): Tensor => add(matmul(slice(x, -1, 0, 3), a), matmul(slice(relu(x), -1, 3, 6), b))
  const shared = (x: Tensor): Tensor => {
    const y = matmul(slice(x, -1, 0, 3), a)
    return mul(add(y, matmul(slice(x, -1, 3, 6), b)), y)
  }
  for (const f of [gap, other, shared]) expect(await products(f, random(2, 7))).toBe(2)
})

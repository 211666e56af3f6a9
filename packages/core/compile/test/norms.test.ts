import {
  add,
  addNorm,
  Generator,
  layerNorm,
  matmul,
  ReferenceBackend,
  rmsNorm,
  silu,
  type Tensor,
  tensor,
} from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const device = new ReferenceBackend()
const generator = new Generator(1)
const random = (...shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => generator.uniform() * 2 - 1),
    { shape, device, dtype: 'f64' },
  )
const [weight, bias, matrix, other] = [random(8), random(8), random(8, 6), random(8, 8)]
const eps = 1e-5

/** The compiled program as text, and that eager, fused and unfused give the same. */
async function compiled(f: (...xs: Tensor[]) => Tensor[], ...xs: Tensor[]): Promise<string> {
  const program = await compile(f, xs, { device })
  const plain = await compile(f, xs, { device, optimize: false })
  const [fused, unfused] = [program.run(...xs), plain.run(...xs)]
  for (const [i, y] of f(...xs).entries()) {
    const expected = (await y.data()) as Float64Array
    for (const outputs of [fused, unfused]) {
      const got = (await outputs[i].data()) as Float64Array
      expect(Math.max(...expected.map((v, at) => Math.abs(v - got[at])))).toBeLessThan(1e-12)
    }
  }
  return program.toString()
}

test('the weight of an RMS norm is folded into the products that read it', async () => {
  const text = await compiled(
    (x) => [matmul(rmsNorm(x, weight, eps), matrix), matmul(rmsNorm(x, weight, eps), other)],
    random(5, 8),
  )
  expect(text).toMatch(/rmsNorm +\[0\] ← input0 {2}/)
})

test.each(['rms', 'layer'] as const)('%s: an added norm hands its weights on and keeps its sum', async (norm) => {
  const options = { norm, weight, bias: norm === 'layer' ? bias : undefined, eps }
  const text = await compiled(
    (x, residual) => {
      const { y, sum } = addNorm(x, residual, options)
      return [add(matmul(y, matrix), 1), sum]
    },
    random(5, 8),
    random(5, 8),
  )
  expect(text).toContain('addNorm')
})

test.each(['rms', 'layer'] as const)('%s: what computes a term of an added norm adds the other', async (norm) => {
  const options = { norm, weight, bias: norm === 'layer' ? bias : undefined, eps }
  for (const term of [(x: Tensor) => matmul(x, other), (x: Tensor) => silu(matmul(x, other))]) {
    const text = await compiled(
      (x, residual) => {
        const { y, sum } = addNorm(term(x), residual, options)
        return [matmul(y, matrix), sum]
      },
      random(5, 8),
      random(5, 8),
    )
    expect(text).not.toContain('addNorm')
    expect(text).not.toContain('pointwise')
  }
})

test('an added norm of a product that others read stays whole', async () => {
  const text = await compiled(
    (x, residual) => {
      const product = matmul(x, other)
      return [addNorm(product, residual, { norm: 'rms', weight, eps }).y, product]
    },
    random(5, 8),
    random(5, 8),
  )
  expect(text).toContain('addNorm')
})

test('a norm that something else reads too keeps its weights', async () => {
  await compiled(
    (x) => {
      const y = layerNorm(x, weight, bias, eps)
      return [matmul(y, matrix), y]
    },
    random(5, 8),
  )
})

import {
  add,
  conv2d,
  Generator,
  layerNorm,
  matmul,
  ReferenceBackend,
  relu,
  reshape,
  type Tensor,
  tensor,
  transpose,
} from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const device = new ReferenceBackend()
const generator = new Generator(1)
const random = (...shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * generator.uniform() - 1),
    { shape, device, dtype: 'f64' },
  )

/** Constants that the norm reads in the compiled function, whose values are held against those of the function itself. */
async function normConstants(f: (x: Tensor) => Tensor): Promise<number> {
  const x = random(2, 12, 6)
  const program = await compile(f, [x], { device })
  const [found, expected] = [await program.run(x).data(), await f(x).data()]
  expect(found.length).toBe(expected.length)
  for (const [i, v] of (expected as Float64Array).entries()) expect(Number(found[i])).toBeCloseTo(v, 11)
  const line = program
    .toString()
    .split('\n')
    .find((text) => /layerNorm/.test(text))!
  return line.match(/constant\d/g)?.length ?? 0
}

const [scale, shift, taps, weights, outside] = [random(6), random(6), random(4, 1, 3, 3), random(4, 6, 1, 1), random(6, 12)]
/** What EfficientViM's mixer does with its normed positions. */
function mixer(x: Tensor): Tensor {
  const n = layerNorm(x, scale, shift, 1e-5)
  const map = reshape(conv2d(reshape(n, [2, 1, 12, 6]), weights), [2, 3, 4, 4])
  const mixed = reshape(conv2d(map, taps, undefined, { padding: 1, groups: 4 }), [2, 12, 4])
  return matmul(transpose(mixed), n)
}

test('scale and shift go into the projection, before the zeros around the map, and behind the sum over positions', async () => {
  expect(await normConstants(mixer)).toBe(0)
})

test('a norm that something else reads stays whole', async () => {
  expect(
    await normConstants((x) => {
      const n = layerNorm(x, scale, shift, 1e-5)
      return add(matmul(transpose(matmul(relu(n), outside)), n), 0)
    }),
  ).toBe(2)
})

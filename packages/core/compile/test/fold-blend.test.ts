import { add, conv2d, Generator, matmul, mul, ReferenceBackend, relu, sub, type Tensor, tensor } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const device = new ReferenceBackend()
const generator = new Generator(1)
const random = (...shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * generator.uniform() - 1),
    { shape, device, dtype: 'f64' },
  )

/** Values of the compiled function, held against those of the uncompiled one; the program for reading. */
async function compiled(f: (x: Tensor) => Tensor, x: Tensor) {
  const program = await compile(f, [x], { device })
  const [found, expected] = [await program.run(x).data(), await f(x).data()]
  expect(found.length).toBe(expected.length)
  for (const [i, v] of (expected as Float64Array).entries()) expect(Number(found[i])).toBeCloseTo(v, 12)
  return program
}

const blend = (x: Tensor, y: Tensor, share: Tensor): Tensor => add(x, mul(sub(y, x), share))

test.each([
  ['without bias', undefined],
  ['with bias', random(6)],
])('a blend around a depthwise convolution %s goes into its kernel', async (_, bias) => {
  const [w, share] = [random(6, 1, 3, 3), random(6)]
  const program = await compiled((x) => blend(x, conv2d(x, w, bias, { padding: 1, groups: 6 }), share), random(2, 5, 4, 6))
  expect(program.steps).toBe(1)
  expect(program.toString()).not.toMatch(/sub|mul/)
})

test('a residual around a dilated depthwise convolution goes into its kernel, whichever side it stands on', async () => {
  const w = random(6, 1, 3, 5)
  const f = (x: Tensor): Tensor => add(conv2d(x, w, undefined, { padding: [2, 2, 4, 4], dilation: 2, groups: 6 }), x)
  const program = await compiled(f, random(1, 7, 8, 6))
  expect(program.toString()).not.toMatch(/add/)
})

test('a residual stays outside where the taps do not lie on it, and where it is another tensor', async () => {
  const [even, odd] = [random(6, 1, 3, 3), random(6, 1, 3, 3)]
  const shifted = (x: Tensor): Tensor => add(x, conv2d(x, even, undefined, { padding: [2, 0, 1, 1], groups: 6 }))
  const other = (x: Tensor): Tensor => add(relu(x), conv2d(x, odd, undefined, { padding: 1, groups: 6 }))
  for (const f of [shifted, other]) expect((await compiled(f, random(1, 5, 4, 6))).toString()).toMatch(/add/)
})

test('a blend behind a product scales its weight and bias', async () => {
  const [w, bias, share] = [random(6, 6), random(6), random(6)]
  const program = await compiled((x) => blend(x, add(matmul(x, w), bias), share), random(7, 6))
  expect(program.toString()).not.toMatch(/sub/)
})

test('what else reads the product keeps it as it is', async () => {
  const [w, share] = [random(6, 6), random(6)]
  const f = (x: Tensor): Tensor => {
    const y = matmul(x, w)
    return mul(blend(x, y, share), y)
  }
  await compiled(f, random(7, 6))
})

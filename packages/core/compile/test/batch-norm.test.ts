import { add, conv2d, Generator, mul, ReferenceBackend, rsqrt, sub, type Tensor, tensor } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const device = new ReferenceBackend()

test.each([
  ['convolution', 1, false],
  ['convolution with bias', 1, true],
  ['depthwise convolution', 8, false],
])('an evaluation-mode batch norm behind a %s leaves only a bias', async (_, groups, biased) => {
  const generator = new Generator(1)
  const random = (shape: number[], low = -1): Tensor =>
    tensor(
      Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => low + (1 - low) * generator.uniform()),
      { shape, device, dtype: 'f64' },
    )
  const weight = random([8, 8 / groups, 3, 3])
  const [bias, scale, shift, mean, variance] = [random([8]), random([8]), random([8]), random([8]), random([8], 0.1)]
  const f = (x: Tensor): Tensor => {
    const factor = mul(scale, rsqrt(add(variance, 1e-5)))
    const y = conv2d(x, weight, biased ? bias : undefined, { padding: 1, groups })
    return add(mul(y, factor), sub(shift, mul(mean, factor)))
  }
  const x = random([1, 5, 4, 8])
  const program = await compile(f, [x], { device })
  expect(program.toString()).not.toMatch(/mul\(/)
  const plain = await compile(f, [x], { device, optimize: false })
  expect(plain.toString()).toMatch(/mul\(/)
  const [fused, unfused, eager] = [await program.run(x).data(), await plain.run(x).data(), await f(x).data()]
  for (const [i, v] of (eager as Float64Array).entries()) {
    expect(Number(fused[i])).toBeCloseTo(v, 12)
    expect(Number(unfused[i])).toBeCloseTo(v, 12)
  }
})

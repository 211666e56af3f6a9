import { Generator, ReferenceBackend, type Tensor, tensor, zeros } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { Conv1d } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const
const sequence = tensor([1, 10, 2, 20, 3, 30, 4, 40], { ...f64, shape: [1, 4, 2] })
const values = async (t: Tensor): Promise<number[]> => [...((await t.data()) as Float64Array)]

/** A layer with the given weight, row-major. */
function layer(weight: number[], ...[inputs, outputs, kernel, options]: ConstructorParameters<typeof Conv1d>): Conv1d {
  const conv = new Conv1d(inputs, outputs, kernel, { ...options, bias: false })
  conv.weight.write(weight)
  return conv
}

test('depthwise, as long as the input: the centre tap is the middle one, of an even number the left of both', async () => {
  const three = layer([1, 0, 0, 0, 0, 1], 2, 2, 3, { ...f64, padding: 'same', groups: 2 })
  expect(await values(three.forward(sequence))).toEqual([0, 20, 1, 30, 2, 40, 3, 0])
  const four = layer([1, 0, 0, 0, 0, 0, 0, 1], 2, 2, 4, { ...f64, padding: 'same', groups: 2 })
  expect(await values(four.forward(sequence))).toEqual([0, 30, 1, 40, 2, 0, 3, 0])
})

test('causal: as many zeros before as taps less one', async () => {
  const conv = layer([1, 2, 1, 0], 2, 2, 2, { ...f64, padding: [1, 0], groups: 2 })
  expect(await values(conv.forward(sequence))).toEqual([2, 0, 5, 10, 8, 20, 11, 30])
})

test('dense: every output sees every input; without padding the output is shorter', async () => {
  const conv = layer([1, 0, 0, 1], 2, 1, 2, { ...f64 })
  expect(conv.forward(sequence).shape).toEqual([1, 3, 1])
  expect(await values(conv.forward(sequence))).toEqual([21, 32, 43])
})

test('weights start as PyTorch’s do, and what does not fit is refused', async () => {
  const conv = new Conv1d(4, 8, 3, { ...f64, generator: new Generator(1) })
  const edge = 1 / Math.sqrt(12)
  const all = [...(await values(conv.weight)), ...(await values(conv.bias!))]
  expect(Math.max(...all.map(Math.abs))).toBeLessThanOrEqual(edge)
  expect(Math.max(...all.map(Math.abs))).toBeGreaterThan(0.8 * edge)
  expect(() => new Conv1d(4, 6, 3, { ...f64, groups: 4 })).toThrow(/4 groups/)
  expect(() => conv.forward(zeros([1, 4, 5, 4], f64))).toThrow(/\[N, L, 4\]/)
})

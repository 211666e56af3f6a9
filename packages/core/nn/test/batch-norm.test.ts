import { Generator, mul, ReferenceBackend, type Shape, sum, type Tensor, tensor, valueAndGrad, zeros } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BatchNorm1d, BatchNorm2d, ChannelNorm, captureBuffers, SqueezeExcite } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const
const fresh = () => ({ ...f64, generator: new Generator(1) })
const wave = (shape: Shape, phase: number): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
    { ...f64, shape },
  )
const numbers = async (t: Tensor): Promise<number[]> => [...(await t.data())].map(Number)

/** Mean and biased variance of channel `c` of `channels`. */
function statistics(values: readonly number[], channels: number, c: number): { mean: number; variance: number; count: number } {
  const own = values.filter((_, i) => i % channels === c)
  const mean = own.reduce((a, b) => a + b) / own.length
  return { mean, variance: own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length, count: own.length }
}

describe('BatchNorm2d', () => {
  test('training normalises by the batch and moves the running statistics, the variance unbiased', async () => {
    const size = fc.integer({ min: 1, max: 4 })
    await fc.assert(
      fc.asyncProperty(size, size, fc.integer({ min: 2, max: 4 }), size, async (n, h, w, c) => {
        using norm = new BatchNorm2d(c, { ...fresh(), momentum: 0.3 })
        norm.weight.write(Array.from({ length: c }, (_, i) => 1 + i))
        norm.bias.write(Array.from({ length: c }, (_, i) => i / 2))
        const x = wave([n, h, w, c], 0)
        const values = await numbers(x)
        const y = await numbers(norm.forward(x))
        for (let k = 0; k < c; k++) {
          const { mean, variance, count } = statistics(values, c, k)
          for (let i = k; i < y.length; i += c)
            expect(y[i]).toBeCloseTo(((values[i] - mean) / Math.sqrt(variance + 1e-5)) * (1 + k) + k / 2, 10)
          expect((await numbers(norm.runningMean))[k]).toBeCloseTo(0.3 * mean, 12)
          expect((await numbers(norm.runningVar))[k]).toBeCloseTo(0.7 + (0.3 * variance * count) / (count - 1), 12)
        }
        expect(await norm.numBatchesTracked.data()).toEqual(BigInt64Array.of(1n))
      }),
      { numRuns: 20 },
    )
  })
  test('evaluation uses the running statistics and leaves them', async () => {
    using norm = new BatchNorm2d(2, fresh()).eval()
    norm.runningMean.write([1, -1])
    norm.runningVar.write([4, 0.25])
    const y = await numbers(norm.forward(tensor([[[[3, 0]]]], f64)))
    expect(y[0]).toBeCloseTo(2 / Math.sqrt(4 + 1e-5), 12)
    expect(y[1]).toBeCloseTo(1 / Math.sqrt(0.25 + 1e-5), 12)
    expect(await numbers(norm.runningMean)).toEqual([1, -1])
    expect(await numbers(norm.numBatchesTracked)).toEqual([0])
  })
  test('the gradient of the input has neither mean nor share along the output', async () => {
    using norm = new BatchNorm2d(3, { ...fresh(), eps: 0 })
    const [x, weights] = [wave([2, 3, 3, 3], 0), wave([2, 3, 3, 3], 5)]
    const { grads } = valueAndGrad(() => sum(mul(norm.forward(x), weights)), [x])
    const [g, y] = [await numbers(grads[0]), await numbers(norm.forward(x))]
    for (let c = 0; c < 3; c++) {
      expect(g.reduce((s, v, i) => s + (i % 3 === c ? v : 0), 0)).toBeCloseTo(0, 10)
      expect(g.reduce((s, v, i) => s + (i % 3 === c ? v * y[i] : 0), 0)).toBeCloseTo(0, 10)
    }
  })
  test('captured: two passes build on one another, and nothing is stored or lost', async () => {
    const own = new ReferenceBackend()
    const options = { device: own, dtype: 'f64', generator: new Generator(1) } as const
    using norm = new BatchNorm2d(2, options)
    using other = new BatchNorm2d(2, options)
    using x = tensor(
      Float64Array.from({ length: 8 }, (_, i) => i),
      { device: own, dtype: 'f64', shape: [1, 2, 2, 2] },
    )
    const before = own.memory()
    const { buffers } = captureBuffers(norm, () => {
      for (let pass = 0; pass < 2; pass++) norm.forward(x).dispose()
    })
    expect(await numbers(norm.runningMean)).toEqual([0, 0])
    expect(Object.keys(buffers)).toEqual(['running_mean', 'running_var', 'num_batches_tracked'])
    for (let pass = 0; pass < 2; pass++) other.forward(x).dispose()
    for (const [name, value] of Object.entries(buffers))
      expect(await value.data()).toEqual(await other.stateDict().get(name)!.data())
    for (const value of Object.values(buffers)) value.dispose()
    expect(own.memory()).toEqual(before)
    expect(() => captureBuffers(other, () => norm.forward(x))).toThrow(/no part of it/)
  })
  test('the state dict has the names and order of PyTorch', () => {
    const entries = [...new BatchNorm2d(2, { device }).stateDict()]
    expect(entries.map(([name, t]) => [name, t.dtype])).toEqual([
      ['weight', 'f32'],
      ['bias', 'f32'],
      ['running_mean', 'f32'],
      ['running_var', 'f32'],
      ['num_batches_tracked', 'i64'],
    ])
  })
  test('what cannot be is refused', () => {
    const norm = new BatchNorm2d(4, { device })
    expect(() => norm.forward(zeros([1, 4, 8, 8], { device }))).toThrow(/\[N, H, W, C\] with C = 4/)
    expect(() => norm.forward(zeros([1, 1, 1, 4], { device }))).toThrow(/more than one value per channel/)
    expect(() => new BatchNorm1d(4, { device }).forward(zeros([1, 1, 2, 4], { device }))).toThrow(/\[N, C\] or \[N, L, C\]/)
  })
})

test('BatchNorm1d is BatchNorm2d of an image of one row', async () => {
  using one = new BatchNorm1d(3, fresh())
  using two = new BatchNorm2d(3, fresh())
  expect(await numbers(one.forward(wave([2, 5, 3], 0)))).toEqual(await numbers(two.forward(wave([2, 1, 5, 3], 0))))
})

test('ChannelNorm normalises each position; its parameters keep the shape of channels-first code', async () => {
  using norm = new ChannelNorm(4, fresh())
  expect(norm.weight.shape).toEqual([1, 4, 1, 1])
  expect(new ChannelNorm(4, { ...fresh(), spatialAxes: 1 }).bias.shape).toEqual([1, 4, 1])
  norm.bias.write([0, 1, 2, 3])
  const x = await numbers(wave([1, 2, 3, 4], 0))
  const y = await numbers(norm.forward(wave([1, 2, 3, 4], 0)))
  for (let at = 0; at < x.length; at += 4) {
    const { mean, variance } = statistics(x.slice(at, at + 4), 1, 0)
    for (let c = 0; c < 4; c++) expect(y[at + c]).toBeCloseTo((x[at + c] - mean) / Math.sqrt(variance + 1e-5) + c, 12)
  }
})

test.each([
  [96, 24],
  [64, 16],
  [40, 8],
  [16, 8],
  [80, 24],
])('squeeze and excitation of %i channels reduces to %i', (channels, reduced) => {
  expect(new SqueezeExcite(channels, { device }).fc1.outChannels).toBe(reduced)
})

test('squeeze and excitation: every pixel of a channel has one factor between 0 and 1', async () => {
  using layer = new SqueezeExcite(8, fresh())
  const x = wave([1, 3, 3, 8], 1)
  const [before, after] = [await numbers(x), await numbers(layer.forward(x))]
  for (let c = 0; c < 8; c++) {
    const factors = before.flatMap((v, i) => (i % 8 === c ? [after[i] / v] : []))
    expect(factors[0]).toBeGreaterThan(0)
    expect(factors[0]).toBeLessThan(1)
    for (const f of factors) expect(f).toBeCloseTo(factors[0], 10)
  }
})

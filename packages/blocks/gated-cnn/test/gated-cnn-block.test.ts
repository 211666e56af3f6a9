import { Generator, RandomStreams, ReferenceBackend, type Tensor, tensor, zeros } from '@scanline/tensor'
import { describe, expect, test } from 'vitest'
import { GatedCnnBlock } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const

const wave = (shape: number[], phase: number): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
    { ...f64, shape },
  )

/** The definition of arXiv 2405.07992, algorithm 1, in loops over one image; ReLU keeps it elementary. */
async function byHand(block: GatedCnnBlock, image: Float64Array, h: number, w: number, dim: number): Promise<number[]> {
  const p = new Map<string, Float64Array>()
  for (const [name, t] of block.stateDict()) p.set(name, (await t.data()) as Float64Array)
  const weight = (name: string) => p.get(name)!
  const hidden = block.hidden
  const convolved = block.conv.outChannels
  const k = block.conv.weight.shape[2]
  const expanded: number[][] = []
  for (let at = 0; at < h * w; at++) {
    const pixel = [...image.subarray(at * dim, (at + 1) * dim)]
    const centre = pixel.reduce((a, b) => a + b) / dim
    const variance = pixel.reduce((a, b) => a + (b - centre) ** 2, 0) / dim
    const normed = pixel.map(
      (v, c) => ((v - centre) / Math.sqrt(variance + 1e-6)) * weight('norm.weight')[c] + weight('norm.bias')[c],
    )
    expanded.push(
      Array.from({ length: 2 * hidden }, (_, o) =>
        normed.reduce((sum, v, c) => sum + v * weight('fc1.weight')[o * dim + c], weight('fc1.bias')[o]),
      ),
    )
  }
  return Array.from({ length: h * w * dim }, (_, i) => {
    const [at, o] = [Math.floor(i / dim), i % dim]
    const [y, x] = [Math.floor(at / w), at % w]
    let out = weight('fc2.bias')[o]
    for (let c = 0; c < hidden; c++) {
      const d = c - (hidden - convolved)
      let value = expanded[at][hidden + c]
      if (d >= 0) {
        value = weight('conv.bias')[d]
        for (let ky = 0; ky < k; ky++)
          for (let kx = 0; kx < k; kx++) {
            const [iy, ix] = [y + ky - (k - 1) / 2, x + kx - (k - 1) / 2]
            if (iy >= 0 && iy < h && ix >= 0 && ix < w)
              value += weight('conv.weight')[(d * k + ky) * k + kx] * expanded[iy * w + ix][hidden + c]
          }
      }
      out += Math.max(0, expanded[at][c]) * value * weight('fc2.weight')[o * hidden + c]
    }
    return image[i] + out * (p.get('ls.gamma')?.[o] ?? 1)
  })
}

describe('is what the definition says', () => {
  test.each([
    ['part convolved', { expansionRatio: 2.5, convRatio: 0.75, kernelSize: 3 }],
    ['all convolved', { expansionRatio: 1, convRatio: 1, kernelSize: 5 }],
    ['with layer scale', { kernelSize: 3, lsInit: 0.3 }],
  ])('%s', async (_, options) => {
    const block = new GatedCnnBlock(4, { ...f64, act: 'relu', ...options, generator: new Generator(1) }).eval()
    const x = wave([1, 4, 5, 4], 0)
    const expected = await byHand(block, (await x.data()) as Float64Array, 4, 5, 4)
    const actual = [...((await block.forward(x).data()) as Float64Array)]
    for (const [i, v] of actual.entries()) expect(v).toBeCloseTo(expected[i], 12)
  })
})

test.each([
  [96, 8 / 3, 256],
  [128, 8 / 3, 341],
  [256, 8 / 3, 682],
  [512, 8 / 3, 1365],
  [128, 2.5, 320],
])('%i channels times %f are %i hidden ones: truncated, not rounded', (dim, expansionRatio, hidden) => {
  expect(new GatedCnnBlock(dim, { device, expansionRatio }).hidden).toBe(hidden)
})

test('drop path gives either the input or the branch scaled', async () => {
  const block = new GatedCnnBlock(4, { ...f64, kernelSize: 3, dropPath: 0.5, generator: new Generator(1) })
  const x = wave([16, 2, 2, 4], 1)
  const before = (await x.data()) as Float64Array
  const full = (await block.eval().forward(x).data()) as Float64Array
  const random = new RandomStreams(new Generator(3).key(device))
  const dropped = (await block.train().forward(x, random).data()) as Float64Array
  const kept = Array.from({ length: 16 }, (_, n) => dropped[16 * n] !== before[16 * n])
  expect(new Set(kept)).toEqual(new Set([true, false]))
  for (const [i, v] of dropped.entries()) {
    const branch = kept[Math.floor(i / 16)] ? 2 * (full[i] - before[i]) : 0
    expect(v).toBeCloseTo(before[i] + branch, 12)
  }
  expect(() => block.forward(x)).toThrow(/RandomStreams/)
})

test('what cannot be is refused with numbers', () => {
  expect(() => new GatedCnnBlock(4, { device, convRatio: 3 })).toThrow(/trunc\(3 · 4\) = 12 would be convolved; it needs 1 to 10/)
  expect(() => new GatedCnnBlock(4, { device, convRatio: 0.1 })).toThrow(/= 0 would be convolved/)
  expect(() => new GatedCnnBlock(4, { device, kernelSize: 2 })).toThrow(/must be odd/)
  const block = new GatedCnnBlock(4, { device })
  expect(() => block.forward(zeros([1, 4, 8, 8], { device }))).toThrow(/\[N, H, W, 4\], channels last/)
})

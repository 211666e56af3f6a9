import {
  Generator,
  RandomStreams,
  ReferenceBackend,
  scope,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from '@scanline/tensor'
import { describe, expect, test } from 'vitest'
import { Attention, MambaVisionBlock, MambaVisionMixer } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const

const wave = (shape: number[], phase: number): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
    { ...f64, shape },
  )
const values = async (t: Tensor): Promise<number[]> => [...((await t.data()) as Float64Array)]
const close = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual.length).toBe(expected.length)
  for (const [i, v] of actual.entries()) expect(v).toBeCloseTo(expected[i], 10)
}
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i], 0)
const silu = (v: number): number => v / (1 + Math.exp(-v))

/** Rows of a matrix. */
async function rows(t: Tensor): Promise<number[][]> {
  const all = await values(t)
  const n = t.shape[1] ?? 1
  return Array.from({ length: t.shape[0] }, (_, i) => all.slice(i * n, (i + 1) * n))
}

/** The mixer in loops over one sequence: the paper's figure 4 with the published code's double step bias. */
async function byHand(mixer: MambaVisionMixer, tokens: number[][]): Promise<number[]> {
  const p = Object.fromEntries(await Promise.all([...mixer.stateDict()].map(async ([name, t]) => [name, await rows(t)] as const)))
  const bias = p['dt_proj.bias'].flat()
  const half = p['A_log'].length
  const states = p['A_log'][0].length
  const rank = p['dt_proj.weight'][0].length
  const kernel = mixer.conv1dX.weight.shape[2]
  const projected = tokens.map((t) => p['in_proj.weight'].map((w) => dot(w, t)))
  const convolved = async (conv: Tensor, from: number): Promise<number[][]> => {
    const taps = await values(conv)
    return tokens.map((_, at) =>
      Array.from({ length: half }, (_, c) => {
        let total = 0
        for (let k = 0; k < kernel; k++)
          total += taps[c * kernel + k] * (projected[at + k - Math.floor((kernel - 1) / 2)]?.[from + c] ?? 0)
        return silu(total)
      }),
    )
  }
  const x = await convolved(mixer.conv1dX.weight, 0)
  const z = await convolved(mixer.conv1dZ.weight, half)
  const state = Array.from({ length: half }, () => new Array<number>(states).fill(0))
  return tokens.flatMap((_, at) => {
    const q = p['x_proj.weight'].map((w) => dot(w, x[at]))
    const y = state.map((h, c) => {
      const step = Math.log1p(Math.exp(dot(p['dt_proj.weight'][c], q.slice(0, rank)) + 2 * bias[c]))
      let total = p['D'].flat()[c] * x[at][c]
      for (let s = 0; s < states; s++) {
        h[s] = Math.exp(-step * Math.exp(p['A_log'][c][s])) * h[s] + step * q[rank + s] * x[at][c]
        total += q[rank + states + s] * h[s]
      }
      return total
    })
    return p['out_proj.weight'].map((w) => dot(w, [...y, ...z[at]]))
  })
}

describe('the mixer is what the definition says', () => {
  test.each([
    ['as published', {}],
    ['four taps, few states', { kernelSize: 4, stateDim: 3, dtRank: 2 }],
    ['wider inside', { expand: 2, kernelSize: 1 }],
  ])('%s', async (_, options) => {
    const mixer = new MambaVisionMixer(6, { ...f64, ...options, generator: new Generator(1) })
    const x = wave([1, 9, 6], 0.3)
    close(await values(mixer.forward(x)), await byHand(mixer, await rows(wave([9, 6], 0.3))))
  })
})

test('sequences do not see one another, and any length will do', async () => {
  const mixer = new MambaVisionMixer(4, { ...f64, generator: new Generator(1) })
  const alone = await values(mixer.forward(wave([1, 5, 4], 0)))
  const both = await values(mixer.forward(wave([2, 5, 4], 0)))
  close(both.slice(0, 20), alone)
  expect(mixer.forward(wave([1, 1, 4], 0)).shape).toEqual([1, 1, 4])
})

test('attention is what the definition says', async () => {
  const attention = new Attention(6, { numHeads: 3, qkNorm: true, ...f64, generator: new Generator(2) })
  const tokens = await rows(wave([4, 6], 0.1))
  const [weight, bias] = [await rows(attention.qkv.weight), await values(attention.qkv.bias!)]
  const [out, outBias] = [await rows(attention.proj.weight), await values(attention.proj.bias!)]
  const qkv = tokens.map((t) => weight.map((w, i) => dot(w, t) + bias[i]))
  const normed = (v: number[]): number[] => {
    const mean = dot(
      v,
      v.map(() => 1 / v.length),
    )
    const variance = v.reduce((total, a) => total + (a - mean) ** 2 / v.length, 0)
    return v.map((a) => (a - mean) / Math.sqrt(variance + 1e-5))
  }
  const part = (token: number[], which: number, head: number): number[] =>
    token.slice(6 * which + 2 * head, 6 * which + 2 * head + 2)
  const expected = qkv.flatMap((token) => {
    const heads = [0, 1, 2].flatMap((head) => {
      const scores = qkv.map((other) => Math.exp(dot(normed(part(token, 0, head)), normed(part(other, 1, head))) / Math.SQRT2))
      const total = dot(
        scores,
        scores.map(() => 1),
      )
      return [0, 1].map(
        (i) =>
          dot(
            scores,
            qkv.map((other) => part(other, 2, head)[i]),
          ) / total,
      )
    })
    return out.map((w, i) => dot(w, heads) + outBias[i])
  })
  close(await values(attention.forward(wave([1, 4, 6], 0.1))), expected)
})

test('attention dropout drops weights in training mode only', async () => {
  const options = { numHeads: 2, ...f64, generator: new Generator(3) }
  const attention = new Attention(4, { ...options, attnDropout: 0.5, dropout: 0.5 })
  const x = wave([2, 6, 4], 0)
  const random = () => new RandomStreams(new Generator(4).key(device))
  const dropped = await values(attention.train().forward(x, random()))
  expect(await values(attention.forward(x, random()))).toEqual(dropped)
  expect(dropped.filter((v) => v === 0).length).toBeGreaterThan(5)
  const kept = await values(attention.eval().forward(x))
  expect(kept.filter((v) => v === 0)).toEqual([])
  expect(() => attention.train().forward(x)).toThrow(/RandomStreams/)
})

test('a block drops the branches of whole sequences', async () => {
  const block = new MambaVisionBlock(4, { mixer: 'scan', dropPath: 0.5, layerScale: 0.5, ...f64, generator: new Generator(3) })
  const x = wave([16, 3, 4], 0)
  const before = await values(x)
  const after = await values(block.forward(x, new RandomStreams(new Generator(6).key(device))))
  const untouched = Array.from({ length: 16 }, (_, n) =>
    before.slice(12 * n, 12 * n + 12).every((v, i) => v === after[12 * n + i]),
  )
  // Both branches are dropped with probability 1/4.
  expect(new Set(untouched)).toEqual(new Set([true, false]))
})

test('every parameter of either block has a gradient, and nothing leaks', () => {
  for (const mixer of ['scan', 'attention'] as const) {
    const own = new ReferenceBackend()
    const block = new MambaVisionBlock(8, { mixer, numHeads: 2, layerScale: 1, device: own, generator: new Generator(1) })
    const x = zeros([2, 4, 8], { device: own })
    const before = own.memory()
    const { value, grads } = valueAndGrad(() => scope(() => sum(block.forward(x))), block.parameters())
    expect(grads.map((g) => g.shape)).toEqual(block.parameters().map((p) => p.shape))
    for (const t of [value, ...grads]) t.dispose()
    expect(own.memory()).toEqual(before)
  }
})

test('alone, the mixer starts as Mamba does', async () => {
  const mixer = new MambaVisionMixer(64, { ...f64, generator: new Generator(1) })
  for (const row of await rows(mixer.A_log)) close(row, [1, 2, 3, 4, 5, 6, 7, 8].map(Math.log))
  expect(new Set(await values(mixer.D))).toEqual(new Set([1]))
  const steps = (await values(mixer.dtProj.bias!)).map((b) => Math.log1p(Math.exp(b)))
  expect(Math.min(...steps)).toBeGreaterThan(0.00099)
  expect(Math.max(...steps)).toBeLessThan(0.1001)
  expect(Math.max(...steps) / Math.min(...steps)).toBeGreaterThan(10)
})

test('what cannot be is refused with numbers', () => {
  expect(() => new MambaVisionMixer(5, { device })).toThrow(/trunc\(1 · 5\) = 5 must be even/)
  expect(() => new Attention(8, { device, numHeads: 3 })).toThrow(/8 channels.*3 heads/)
  const block = new MambaVisionBlock(8, { mixer: 'scan', device, generator: new Generator(1) })
  expect(() => block.forward(zeros([1, 4, 4, 8], { device }))).toThrow(/tokens \[N, L, 8\]/)
})

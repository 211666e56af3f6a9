import { add, Generator, ReferenceBackend, sum, type Tensor, tensor, valueAndGrad, zeros } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HsmSsd } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const

const wave = (shape: number[], phase: number): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
    { ...f64, shape },
  )

/** The definition of arXiv 2411.15241, in loops over one image, with A: [tokens, hidden]. */
async function byHand(mixer: HsmSsd, x: Float64Array, h: number, w: number): Promise<[number[][], number[][]]> {
  const p = new Map<string, Float64Array>()
  for (const [name, t] of mixer.stateDict()) p.set(name, (await t.data()) as Float64Array)
  const [dim, states, length] = [mixer.dim, mixer.stateDim, h * w]
  const rows = (n: number, f: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => f(i))
  const project = (name: string, from: readonly number[]): number[] => {
    const weight = p.get(`${name}.conv.weight`)!
    return rows(weight.length / from.length, (o) => from.reduce((s, v, i) => s + v * weight[o * from.length + i], 0))
  }
  const positions = Array.from({ length }, (_, l) => [...x.subarray(l * dim, (l + 1) * dim)])
  const projected = positions.map((position) => project('BCdt_proj', position))
  const taps = p.get('dw.conv.weight')!
  const convolved = projected.map((_, l) =>
    rows(3 * states, (c) => {
      let value = 0
      for (let ky = 0; ky < 3; ky++)
        for (let kx = 0; kx < 3; kx++) {
          const [y, z] = [Math.floor(l / w) + ky - 1, (l % w) + kx - 1]
          if (y >= 0 && y < h && z >= 0 && z < w) value += taps[(c * 3 + ky) * 3 + kx] * projected[y * w + z][c]
        }
      return value
    }),
  )
  const hidden = rows(states, (n) => n).map((n) => {
    const powers = convolved.map((v) => Math.exp(v[2 * states + n] + p.get('A')![n]))
    const total = powers.reduce((a, b) => a + b)
    const state = rows(dim, (c) =>
      positions.reduce((s, position, l) => s + position[c] * (powers[l] / total) * convolved[l][n], 0),
    )
    const gated = project('hz_proj', state)
    const inner = gated.length / 2
    const d = p.get('D')![0]
    return project(
      'out_proj',
      rows(inner, (i) => {
        const [u, z] = [gated[i], gated[inner + i]]
        return (u * z) / (1 + Math.exp(-z)) + u * d
      }),
    )
  })
  const tokens = convolved.map((v) => rows(dim, (c) => hidden.reduce((s, state, n) => s + state[c] * v[states + n], 0)))
  return [tokens, hidden]
}

describe('is what the definition says', () => {
  test('for any size, number of states and expansion', async () => {
    const small = fc.integer({ min: 1, max: 5 })
    await fc.assert(
      fc.asyncProperty(small, small, small, small, fc.constantFrom(0.5, 1, 2), async (h, w, dim, stateDim, expand) => {
        using mixer = new HsmSsd(2 * dim, { ...f64, stateDim, expand, generator: new Generator(1) })
        const x = wave([1, h * w, 2 * dim], 0)
        const [tokens, hidden] = await byHand(mixer, (await x.data()) as Float64Array, h, w)
        const actual = mixer.forward(x, h, w)
        expect(actual.tokens.shape).toEqual([1, h * w, 2 * dim])
        expect(actual.hidden.shape).toEqual([1, stateDim, 2 * dim])
        for (const [found, wanted] of [
          [actual.tokens, tokens],
          [actual.hidden, hidden],
        ] as const) {
          const values = (await found.data()) as Float64Array
          for (const [i, v] of wanted.flat().entries()) expect(values[i]).toBeCloseTo(v, 10)
        }
      }),
      { numRuns: 25 },
    )
  })
  test('every image of a batch by itself', async () => {
    using mixer = new HsmSsd(4, { ...f64, stateDim: 3, generator: new Generator(2) })
    const both = (await mixer.forward(wave([2, 6, 4], 0), 2, 3).tokens.data()) as Float64Array
    const first = (await mixer.forward(wave([1, 6, 4], 0), 2, 3).tokens.data()) as Float64Array
    expect(both.subarray(0, 24)).toEqual(first)
  })
})

test('starts with A from 1 to 16 and D at 1; A has no gradient, all others have one', async () => {
  using mixer = new HsmSsd(6, { ...f64, stateDim: 40, generator: new Generator(3) })
  const a = [...((await mixer.A.data()) as Float64Array)]
  expect(Math.min(...a)).toBeGreaterThanOrEqual(1)
  expect(Math.max(...a)).toBeLessThan(16)
  expect(new Set(a).size).toBe(40)
  expect(await mixer.D.item()).toBe(1)
  const { grads } = valueAndGrad(() => {
    const { tokens, hidden } = mixer.forward(wave([1, 6, 6], 0), 2, 3)
    return add(sum(tokens), sum(hidden))
  }, mixer.parameters())
  for (const [i, [name]] of mixer.namedParameters().entries())
    expect(
      ((await grads[i].data()) as Float64Array).some((v) => v !== 0),
      name,
    ).toBe(name !== 'A')
})

test('names, shapes and order of the published state dict', () => {
  const mixer = new HsmSsd(32, { device, stateDim: 9 })
  expect([...mixer.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual([
    ['A', [9]],
    ['D', [1]],
    ['BCdt_proj.conv.weight', [27, 32, 1]],
    ['dw.conv.weight', [27, 1, 3, 3]],
    ['hz_proj.conv.weight', [64, 32, 1]],
    ['out_proj.conv.weight', [32, 32, 1]],
  ])
})

test('what cannot be is refused with numbers', () => {
  expect(() => new HsmSsd(4, { device, stateDim: 0 })).toThrow(/got 0 states/)
  expect(() => new HsmSsd(4, { device, expand: 0.1 })).toThrow(/trunc\(0\.1 · 4\) = 0/)
  const mixer = new HsmSsd(4, { device, stateDim: 2 })
  expect(() => mixer.forward(zeros([1, 6, 4], { device }), 2, 4)).toThrow(/\[N, 2 · 4, 4\], channels last/)
})

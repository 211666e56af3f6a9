import { ArgumentError, flip, Generator, ReferenceBackend, type Shape, ShapeError, type Tensor, tensor } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VimMixer, type VimMixerOptions } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const

const wave = (shape: Shape, phase = 0): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
    { ...f64, shape },
  )
const numbers = async (t: Tensor): Promise<number[]> => [...(await t.data())].map(Number)
const build = (options: Partial<VimMixerOptions> = {}) =>
  new VimMixer(8, { ...f64, generator: new Generator(3), ...options }).eval()

async function expectClose(a: Tensor, b: Tensor): Promise<void> {
  const [x, y] = [await numbers(a), await numbers(b)]
  expect(x.length).toBe(y.length)
  for (const [i, v] of x.entries()) expect(v).toBeCloseTo(y[i], 12)
}

/** The backward direction's parameters set to the forward one's. */
async function mirrored(mixer: VimMixer): Promise<void> {
  const entries = mixer.stateDict()
  const forward = (name: string) =>
    name
      .replace('A_b_log', 'A_log')
      .replace('D_b', 'D')
      .replace(/_b\.|1d_b\./, (s) => s.replace('_b', ''))
  for (const [name, t] of entries) t.write((await entries.get(forward(name))!.data()) as Float64Array)
}

describe('v2', () => {
  test('with equal parameters both ways, reversing the tokens reverses the result', async () => {
    const size = fc.integer({ min: 1, max: 9 })
    await fc.assert(
      fc.asyncProperty(size, size, fc.boolean(), async (length, taps, divideOut) => {
        using mixer = build({ kernelSize: taps, divideOut })
        await mirrored(mixer)
        const x = wave([2, length, 8])
        await expectClose(mixer.forward(flip(x, [1])), flip(mixer.forward(x), [1]))
      }),
      { numRuns: 20 },
    )
  })
  test('is the mean, or the sum, of one-way mixers with each direction its parameters', async () => {
    using both = build()
    using sum = build({ divideOut: false })
    const entries = both.stateDict()
    const one = async (backward: boolean) => {
      const mixer = build({ kind: 'none' })
      for (const [name, t] of mixer.stateDict()) {
        const own = name === 'A_log' ? 'A_b_log' : name === 'D' ? 'D_b' : name.replace(/^(conv1d|x_proj|dt_proj)/, '$1_b')
        t.write((await entries.get(backward && entries.has(own) ? own : name)!.data()) as Float64Array)
      }
      return mixer
    }
    await sum.loadStateDict(entries)
    const x = wave([1, 7, 8])
    const forward = await numbers((await one(false)).forward(x))
    const backward = await numbers(flip((await one(true)).forward(flip(x, [1])), [1]))
    const [mean, total] = [await numbers(both.forward(x)), await numbers(sum.forward(x))]
    for (const [i, f] of forward.entries()) {
      expect(total[i]).toBeCloseTo(f + backward[i], 12)
      expect(mean[i]).toBeCloseTo((f + backward[i]) / 2, 12)
    }
  })
})

test('a one-way mixer never looks ahead', async () => {
  using mixer = build({ kind: 'none' })
  const x = await numbers(wave([1, 9, 8]))
  const before = await numbers(mixer.forward(tensor(Float64Array.from(x), { ...f64, shape: [1, 9, 8] })))
  for (let t = 1; t < 9; t++) {
    const changed = Float64Array.from(x, (v, i) => (i >= t * 8 ? -v : v))
    const after = await numbers(mixer.forward(tensor(changed, { ...f64, shape: [1, 9, 8] })))
    expect(after.slice(0, t * 8)).toEqual(before.slice(0, t * 8))
    expect(after[t * 8]).not.toBe(before[t * 8])
  }
})

test('v1 has rates of its own for the way back, and nothing else', () => {
  using mixer = build({ kind: 'v1', layerScale: 0.1 })
  const names = ['gamma', 'A_log', 'D', 'A_b_log', 'in_proj.weight', 'conv1d.weight', 'conv1d.bias', 'x_proj.weight']
  expect([...mixer.stateDict().keys()]).toEqual([...names, 'dt_proj.weight', 'dt_proj.bias', 'out_proj.weight'])
  expect(() => mixer.scanInputs(wave([1, 3, 16]), true)).toThrow(ArgumentError)
})

test('refuses what it cannot mix', () => {
  using mixer = build()
  expect(() => mixer.forward(wave([1, 4, 7]))).toThrow(ShapeError)
  expect(() => build({ kind: 'v3' as 'v2' })).toThrow(/"v2", "v1", "none"/)
  expect(() => build({ dtRank: 0 })).toThrow(ArgumentError)
})

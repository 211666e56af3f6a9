import { readFileSync } from 'node:fs'
import { ReferenceBackend } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillInput, fillState, fillTensor, fnv1a32, input, state } from '../src/index.js'

const prng = JSON.parse(readFileSync(new URL('./fixtures/prng.json', import.meta.url), 'utf8'))

describe('fill', () => {
  it('gives the published check values', () => {
    expect(fnv1a32('check:input')).toBe(prng['fnv1a32(check:input)'])
    expect([...fillInput('input', [4], 'check')]).toEqual(prng.input.map(Math.fround))
    expect([...fillTensor('head.weight', [3, 5], 'check').subarray(0, 4)]).toEqual(prng['head.weight'].data)
  })

  it('scales inputs in float32', () => {
    const factor = Math.fround(0.003)
    const scaled = Array.from(fillInput('input', [100], 'g1'), (v) => Math.fround(v * factor))
    expect([...fillInput('input', [100], 'g1', 0.003)]).toEqual(scaled)
  })

  // Each line is the range of a rule, of the entry that also fits rules further down.
  it.each([
    ['bn.num_batches_tracked', [], 0, 0],
    ['bn.running_mean', [64], -0.1, 0.1],
    ['bn.running_var', [64], 0.5, 1.5],
    ['mixer.D', [64], 0.9, 1.1],
    ['mixer.A', [64], 1, 16],
    ['alpha', [4, 64], -0.5, 0.5],
    ['ls.gamma', [64], 0.4, 0.6],
    ['blocks.0.gamma_1', [64], 0.4, 0.6],
    ['mixer.dt_proj.bias', [64], -3.5, -2.5],
    ['mixer.dt_proj_b.bias', [64], -3.5, -2.5],
    ['pos_embed', [1, 16, 8], -0.1, 0.1],
    ['norm.weight', [1, 64, 1], 0.9, 1.1],
    ['norm1.weight', [1, 64, 1, 1], 0.9, 1.1],
    ['norm.bias', [1, 64, 1, 1], -0.1, 0.1],
    ['conv.weight', [16, 3, 2, 2], -0.5, 0.5],
    ['other.weight', [1, 12, 1], -0.5, 0.5],
    ['norm.weight', [64], 0.9, 1.1],
    ['weights', [], 0.9, 1.1],
    ['fc.bias', [64], -0.1, 0.1],
    ['weights', [64], -0.1, 0.1],
  ])('%s %j lies within %d and %d', (name, shape, low, high) => {
    const values = [...fillTensor(name, shape, 'g1')]
    expect(Math.min(...values)).toBeGreaterThanOrEqual(low)
    expect(Math.max(...values)).toBeLessThanOrEqual(high)
    // It fills its range: a narrower rule would lie within it too.
    if (values.length >= 48) expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.8 * (high - low))
  })

  it('gives A_log the logarithm of the column', () => {
    const values = fillTensor('mixer.A_log', [3, 8], 'g1')
    for (let i = 0; i < 24; i++) expect(Math.abs(values[i] - Math.log(1 + (i % 8)))).toBeLessThanOrEqual(0.1)
  })

  it('depends on name and salt, and an element on nothing behind it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 50 }), (name, salt, n) => {
        const long = fillInput(name, [60], salt)
        expect(fillInput(name, [n], salt)).toEqual(long.subarray(0, n))
        expect(fillInput(`${name}x`, [60], salt)).not.toEqual(long)
        expect(fillInput(name, [60], `${salt}x`)).not.toEqual(long)
      }),
    )
  })

  it('leaves kept entries out of a state', () => {
    const entries = ['a.weight', 'freqs_cos'].map((name) => ({ name, shape: [2, 2] }))
    const state = fillState(entries, 'g1', new Set(['freqs_cos']))
    expect([...state]).toEqual([['a.weight', { shape: [2, 2], data: fillTensor('a.weight', [2, 2], 'g1') }]])
  })
})

it('gives tensors and state dicts as reference files name them', async () => {
  const x = input('g1', [2, 3], { device: new ReferenceBackend(), dtype: 'f64' })
  expect([...(await x.data())]).toEqual([...fillInput('input', [2, 3], 'g1')])
  expect([...state('g1', [['a.weight', [2, 2], 'float32']]).get('a.weight')!.data]).toEqual([
    ...fillTensor('a.weight', [2, 2], 'g1'),
  ])
})

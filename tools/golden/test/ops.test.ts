import { Field } from '@scanline/golden'
import { describe, expect, it } from 'vitest'
import { readFormula } from '../src/ops/formula.js'
import { changed, fixture, golden, type Json } from './helpers.js'

const names = ['selective_scan', 'selective_scan_long', 'causal_conv1d', 'add_norm']
const scan = 'ops/selective_scan.json'

describe('formulas of inputs', () => {
  it.each<[string, number]>([
    ['v', 0.5],
    ['2 v', 1],
    ['-1 + 0.5 v', -0.75],
    ['1 - 2 * v', 0],
    ['-exp(ln(1 + column) + 0.1 v)', -4 * Math.exp(0.05)],
    ['3 column - 1', 8],
  ])('%s', (text, value) => {
    expect(readFormula(new Field(text))(0.5, 3)).toBeCloseTo(value, 14)
  })

  it.each(['', '1 +', 'sin(v)', 'exp(v', 'v v', 'v)'])('refuses %j', (text) => {
    expect(() => readFormula(new Field(text, 'inputs.u.value'))).toThrow(/inputs.u.value: expected a formula such as/)
  })
})

describe('operations', () => {
  it('hold on wasm', async () => {
    const { status, out } = await golden('--threads', '1', ...names.map((name) => fixture(`ops/${name}.json`)))
    expect(out).toMatch(/\n4 files: 4 hold\n$/)
    expect(status).toBe(0)
  })

  it.each<[string, string, (json: Json) => void]>([
    ['an output', 'bare: out', (json) => (json.cases[0].outputs.out.data[3] += 0.01)],
    ['the last state', 'bare: last_state', (json) => (json.cases[0].outputs.last_state.data[1] += 0.01)],
    ['a gradient', 'grouped: grads.B', (json) => (json.cases[1].grads.B.data[5] += 0.01)],
    ['a flag', 'grouped: out', (json) => (json.cases[1].softplus = false)],
  ])('%s that does not hold ends with status 1', async (_, line, change) => {
    const { status, out } = await golden('--device', 'reference', changed(scan, change))
    expect(out).toMatch(new RegExp(`${line} .*BROKEN`))
    expect(status).toBe(1)
  })

  it.each<[string, RegExp, (json: Json) => void]>([
    [
      'an unknown input',
      /inputs.E: no such input; there are u, delta/,
      (json) => (json.cases[0].inputs.E = json.cases[0].inputs.A),
    ],
    ['a missing input', /needs the field "delta"/, (json) => delete json.cases[0].inputs.delta],
    ['an input in part', /needs the field "step"/, (json) => delete json.cases[0].inputs.u.data],
    ['a flag of another type', /softplus: expected true or false/, (json) => (json.cases[0].softplus = 1)],
  ])('%s ends with status 2', async (_, message, change) => {
    const { status, err } = await golden('--device', 'reference', changed(scan, change))
    expect(err).toMatch(message)
    expect(status).toBe(2)
  })
})

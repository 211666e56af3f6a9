import { binaryValue, builtinOps, decode, encode, ReferenceBackend, Tensor, unaryValue } from '@scanline/tensor'
import { baseValues, runOnBases, samples } from '@scanline/tensor/samples'
import { expect, test } from 'vitest'
import { Trial } from '../src/trial.js'

test('every op has samples', () => {
  const sampled = new Set(samples.map(({ op }) => op))
  expect(builtinOps.map(({ name }) => name).filter((name) => !sampled.has(name))).toEqual([])
})

test('every sample of an op applies that op', () => {
  const device = new ReferenceBackend()
  const select = device.select.bind(device)
  let applied = new Set<string>()
  device.select = (call) => {
    applied.add(call.op)
    return select(call)
  }
  // Views have no kernel to select, and copies of contiguous tensors are none.
  const watched = new Set(builtinOps.filter((op) => op.reference).map(({ name }) => name))
  for (const sample of samples.filter(({ op }) => watched.has(op))) {
    applied = new Set()
    const inputs = new Trial(sample, device, new ReferenceBackend()).tensors()
    for (const output of runOnBases(sample)(...inputs)) expect(output).toBeInstanceOf(Tensor)
    // A reduction over no axes gives its input, and no kernel runs.
    if (!/over \[\]|a single number/.test(sample.name)) expect(applied, `${sample.op}, ${sample.name}`).toContain(sample.op)
  }
})

test('names are unique within an op', () => {
  const names = samples.map(({ op, name }) => `${op} ${name}`)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

test('every primitive of an expression has samples', () => {
  const names = new Set(samples.filter(({ op }) => op === 'pointwise').map(({ name }) => name))
  expect([...Object.keys(unaryValue), ...Object.keys(binaryValue)].filter((name) => !names.has(name))).toEqual([])
})

test('values are the same on every call and exact in their type', () => {
  const same = (a: Float64Array, b: Float64Array) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]))
  for (const sample of samples) {
    const values = baseValues(sample)
    const again = baseValues(sample)
    for (const [i, { dtype = 'f32' }] of sample.inputs.entries()) {
      expect(same(again[i], values[i])).toBe(true)
      expect(same(decode(dtype, encode(dtype, values[i])), values[i]), `${sample.op}, ${sample.name}`).toBe(true)
    }
  }
})

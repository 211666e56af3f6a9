import { compareTensor, partialError, relativeError } from '@scanline/golden'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const values = (length: number) =>
  fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: length, maxLength: length })

function summarise(data: readonly number[], step: number) {
  const n = data.length
  const mean = data.reduce((a, b) => a + b, 0) / n
  return {
    shape: [n],
    mean,
    std: Math.sqrt(data.reduce((s, v) => s + (v - mean) ** 2, 0) / n),
    absmax: Math.max(...data.map(Math.abs)),
    l2: Math.hypot(...data),
    step,
    samples: data.filter((_, i) => i % step === 0),
  }
}

describe('comparison', () => {
  it('is the norm of the difference over the norm of the reference', () => {
    expect(relativeError([3, 4.5], [3, 4])).toBe(0.1)
    expect(relativeError([0.25], [0])).toBe(0.25)
    expect(relativeError([Number.NaN, 1], [1, 1])).toBeNaN()
  })

  it('measures a few small values of a large tensor against the size of the tensor', () => {
    // Four values of a thousandth in a tensor of 100 whose root mean square is 1.
    const expected = [1e-3, 1e-3, 1e-3, 1e-3]
    const actual = expected.map((v) => v + 1e-6)
    expect(partialError(actual, expected, 10, 100)).toBeCloseTo(1e-6, 12)
    expect(relativeError(actual, expected)).toBeCloseTo(1e-3, 9)
  })

  it('a tensor equals its own summary', () => {
    fc.assert(
      fc.property(values(60), fc.integer({ min: 1, max: 59 }), (data, step) => {
        expect(compareTensor([60], data, summarise(data, step)).error).toBeLessThan(1e-12)
      }),
    )
  })

  it('mean, deviation and norm of a summary never show more than the error of the tensor', () => {
    fc.assert(
      fc.property(values(60), values(60), fc.double({ min: 1e-6, max: 1e-2, noNaN: true }), (data, noise, size) => {
        fc.pre(Math.hypot(...data) > 1e-3 && Math.hypot(...noise) > 1e-3)
        const factor = (size * Math.hypot(...data)) / Math.hypot(...noise)
        const off = data.map((v, i) => v + factor * noise[i])
        const { error, note } = compareTensor([60], off, summarise(data, 7))
        if (note === 'mean' || note === 'std' || note === 'l2') expect(error).toBeLessThanOrEqual(size * (1 + 1e-6))
      }),
    )
  })

  it.each(['mean', 'std', 'absmax', 'l2', 'samples'] as const)('a summary with another %s is off by that', (part) => {
    const data = Array.from({ length: 60 }, (_, i) => Math.sin(i))
    const summary = summarise(data, 7)
    const wrong = { ...summary, [part]: part === 'samples' ? summary.samples.map((v) => 1.01 * v) : summary[part] + 0.01 }
    const { error, note } = compareTensor([60], data, wrong)
    expect(error).toBeGreaterThan(5e-4)
    expect(note).toBe(part === 'samples' ? undefined : part)
  })

  it('NaN and other shapes never hold', () => {
    const data = Array.from({ length: 60 }, (_, i) => i)
    for (const at of [0, 1, 59]) {
      const { error } = compareTensor([60], data.with(at, Number.NaN), summarise(data, 7))
      expect(error).toBeNaN()
    }
    expect(compareTensor([6, 10], data, summarise(data, 7))).toEqual({
      error: Number.POSITIVE_INFINITY,
      note: 'shape [6, 10] instead of [60]',
    })
  })
})

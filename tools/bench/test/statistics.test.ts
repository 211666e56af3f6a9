import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quantile, settled, summarize } from '../src/statistics.js'

describe('statistics', () => {
  it('interpolates quantiles as NumPy does', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([10, 20, 30, 40, 50], 0.95)).toBeCloseTo(48)
    expect(quantile([7], 0.05)).toBe(7)
  })

  it('keeps quantiles in order and within the values', () => {
    const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(times, (values) => {
        const { min, p5, median, p95, runs } = summarize(values)
        expect(runs).toBe(values.length)
        expect([min, p5, median, p95, Math.max(...values)]).toEqual(
          [min, p5, median, p95, Math.max(...values)].sort((a, b) => a - b),
        )
      }),
    )
  })

  it('does not depend on the order and leaves the values alone', () => {
    const values = [3, 1, 2]
    expect(summarize(values)).toEqual(summarize([1, 2, 3]))
    expect(values).toEqual([3, 1, 2])
  })

  it('refuses an empty list', () => {
    expect(() => summarize([])).toThrow(RangeError)
  })

  it('calls times settled when the last two of at least three windows agree', () => {
    expect(settled([10, 10])).toBe(false)
    expect(settled([30, 12, 11.9])).toBe(true)
    expect(settled([30, 12, 11])).toBe(false)
    // Slower again is no more settled than faster.
    expect(settled([10, 10, 12])).toBe(false)
  })
})

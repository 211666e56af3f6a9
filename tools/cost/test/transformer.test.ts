import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isLongSequence, longSequenceThreshold, transformerBlockFlops } from '../src/transformer.js'

interface Row {
  readonly D: number
  readonly L: number
  readonly projections: number
  readonly attention: number
  readonly mlp: number
  readonly total: number
  readonly ratio_quadratic_to_linear: number
  readonly threshold_L: number
  readonly long_sequence: boolean
}
const { rows }: { rows: Row[] } = JSON.parse(readFileSync(new URL('fixtures/flops.json', import.meta.url), 'utf8'))

describe('a transformer block', () => {
  it.each(rows)('of width $D over $L tokens', (row) => {
    const { ratio, ...flops } = transformerBlockFlops(row.D, row.L)
    const { projections, attention, mlp, total } = row
    expect(flops).toEqual({ projections, attention, mlp, total })
    expect(ratio).toBeCloseTo(row.ratio_quadratic_to_linear, 12)
    expect(longSequenceThreshold(row.D)).toBe(row.threshold_L)
    expect(isLongSequence(row.D, row.L)).toBe(row.long_sequence)
  })

  it('has its threshold where both parts are equal, and only for MLP ratio 4 at 6 D', () => {
    expect(transformerBlockFlops(96, longSequenceThreshold(96)).ratio).toBe(1)
    expect(transformerBlockFlops(96, longSequenceThreshold(96), 2).ratio).toBeGreaterThan(1)
  })
})

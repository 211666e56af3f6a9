import { readFileSync } from 'node:fs'
import {
  Average,
  accuracy,
  byTop1,
  countTopK,
  MetricsError,
  parseRealLabels,
  parseValidLabels,
  pythonFloat,
  pythonRound,
  RealAccuracy,
  realLabelIndex,
  resultsCsv,
  resultsRow,
  selectClasses,
  summaryHeader,
  summaryLine,
  topClasses,
} from '@scanline/metrics'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

type Figures = Record<string, number>
const golden = JSON.parse(readFileSync(new URL('fixtures/metrics.json', import.meta.url), 'utf8')) as {
  salt: string
  N: number
  C: number
  labels: number[]
  accuracy: { topk: number[]; values: number[] }
  accuracy_fewer_classes_than_k: { classes: number; labels: number[]; topk: number[]; values: number[] }
  average_meter: { value: number; n: number; val: number; avg: number; sum: number; count: number }[]
  real: number[][]
  real_accuracy: Record<string, number>
  summary_rows: [number, Figures, Figures][]
  summary_csv: string
  summary_csv_with_lr: string
  results_row: Record<string, string | number>
  results_csv: string
}

/** The rule that fills reference inputs. */
function fill(name: string, length: number): Float32Array {
  let seed = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${golden.salt}:${name}`)) seed = Math.imul(seed ^ byte, 0x01000193)
  return Float32Array.from({ length }, (_, i) => {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0
    x ^= x >>> 16
    x = Math.imul(x, 0x7feb352d)
    x ^= x >>> 15
    x = Math.imul(x, 0x846ca68b)
    x ^= x >>> 16
    return ((x >>> 0) + 0.5) / 2 ** 31 - 1
  })
}
const single = (values: readonly number[]): number[] => values.map(Math.fround)

describe('the reference', () => {
  const { N, C, labels } = golden
  const logits = fill('logits', N * C)

  it('accuracy', () => {
    const { topk, values } = golden.accuracy
    expect(single(accuracy(logits, C, labels, topk))).toEqual(single(values))
  })

  it('more than there are classes', () => {
    const { classes, labels: few, topk, values } = golden.accuracy_fewer_classes_than_k
    const narrow = selectClasses(logits, C, [0, 1, 2])
    expect(narrow.length).toBe(N * classes)
    expect(single(accuracy(narrow, classes, few, topk))).toEqual(single(values))
  })

  it('averages', () => {
    const average = new Average()
    for (const { value, n, val, avg, sum, count } of golden.average_meter) {
      average.update(value, n)
      expect([average.last, average.sum, average.count]).toEqual([val, sum, count])
      expect(average.mean).toBeCloseTo(avg, 12)
    }
  })

  it('re-assessed labels', () => {
    const real = new RealAccuracy(parseRealLabels(JSON.stringify(golden.real)))
    for (let i = 0; i < N; i++) real.update(logits.subarray(i * C, (i + 1) * C), i)
    expect(real.percent).toEqual([golden.real_accuracy['1'], golden.real_accuracy['5']])
  })

  it('tables', () => {
    const rows = golden.summary_rows.map(([epoch, train, evaluation]) => ({ epoch, train, eval: evaluation }))
    expect(summaryHeader(rows[0]!) + rows.map(summaryLine).join('')).toBe(golden.summary_csv)
    const withRate = { ...rows[0]!, lr: 0.001 }
    expect(summaryHeader(withRate) + summaryLine(withRate)).toBe(golden.summary_csv_with_lr)
    const row = resultsRow({
      model: 'mambaout_femto',
      top1: 78.8781,
      top5: 94.322,
      parameters: 7_304_400,
      imageSize: 224,
      cropPct: 1,
      interpolation: 'bicubic',
    })
    expect(row).toEqual(golden.results_row)
    expect(resultsCsv([row])).toBe(golden.results_csv)
  })
})

describe('top k', () => {
  const row = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(Number.NaN, Infinity, -Infinity)), {
    minLength: 1,
    maxLength: 12,
  })

  it('counting agrees with sorting, also for equal logits and NaN', () => {
    fc.assert(
      fc.property(row, fc.nat(), fc.integer({ min: 1, max: 14 }), (logits, pick, k) => {
        const label = pick % logits.length
        expect(countTopK(logits, logits.length, [label], [k])).toEqual([topClasses(logits, k).includes(label) ? 1 : 0])
      }),
    )
  })

  it('every class is among all of them, exactly once', () => {
    fc.assert(
      fc.property(row, (logits) => {
        expect(topClasses(logits, 99).sort((a, b) => a - b)).toEqual([...logits.keys()])
      }),
    )
  })

  it('says what does not fit', () => {
    expect(() => accuracy([1, 2, 3], 2, [0])).toThrow(MetricsError)
    expect(() => accuracy([1, 2], 2, [2])).toThrow('label 2')
    expect(() => accuracy([1, 2], 2, [-1])).toThrow('label -1')
  })
})

it('labels from files', () => {
  expect(realLabelIndex('val/n01440764/ILSVRC2012_val_00000293.JPEG')).toBe(292)
  expect(() => realLabelIndex('cat.jpg')).toThrow('ILSVRC2012_val')
  expect(() => parseRealLabels('{"a": 1}')).toThrow(MetricsError)
  expect(() => parseRealLabels('[[1], [-1]]')).toThrow(MetricsError)
  expect(() => parseRealLabels('nonsense')).toThrow('no JSON')
  expect(() => new RealAccuracy([[1]]).update([1, 2], 1)).toThrow('entry 1')
  expect(parseValidLabels('3\n 1\r\n7\n', 8)).toEqual([3, 1, 7])
  expect(() => parseValidLabels('3\n8\n', 8)).toThrow('Line 2')
  expect([...selectClasses([1, 2, 3, 4, 5, 6], 3, [2, 0])]).toEqual([3, 1, 6, 4])
})

it.each([
  [1, '1.0'],
  [0, '0.0'],
  [-2.5, '-2.5'],
  [1e-5, '1e-05'],
  [0.0001, '0.0001'],
  [1.5e-7, '1.5e-07'],
  [123456789012345680, '1.2345678901234568e+17'],
  [1e15, '1000000000000000.0'],
  [Number.NaN, 'nan'],
  [-Infinity, '-inf'],
])('%d is written %s, as in Python', (value, text) => expect(pythonFloat(value)).toBe(text))

it('what is written can be read back exactly', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (v) => {
      expect(Number(pythonFloat(v))).toBe(v)
    }),
  )
})

it('rounds halves to even, as Python does', () => {
  expect([0.03125, 0.09375, 0.5, 1.5, 2.675, -0.03125].map((v, i) => pythonRound(v, [4, 4, 0, 0, 2, 4][i]!))).toEqual([
    0.0312, 0.0938, 0, 2, 2.67, -0.0312,
  ])
})

it('a table of many models has the best first, and quotes what needs it', () => {
  const row = (model: string, top1: number) =>
    resultsRow({
      model,
      top1,
      top5: 90,
      parameters: 1,
      imageSize: 224,
      cropPct: 0.9,
      interpolation: 'bicubic',
      checkpoint: 'a,"b"',
    })
  const text = resultsCsv(byTop1([row('low', 10), row('high', 20)]))
  expect(text.split('\r\n').map((line) => line.split(',')[0])).toEqual(['model', 'high', 'low', ''])
  expect(text).toContain('"a,""b"""')
})

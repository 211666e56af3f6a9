import { crossEntropy, grad, logSoftmax, ReferenceBackend, type Tensor, tensor } from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  binaryCrossEntropy,
  distributeStatistics,
  epochCounts,
  hardDistillation,
  jensenShannonLoss,
  labelSmoothingLoss,
  mesaMambaVision,
  smoothedTargets,
  softDistillation,
} from '../src/index.js'

const device = new ReferenceBackend()
const rows = (values: readonly (readonly number[])[]) => tensor(values as number[][], { device, dtype: 'f64' })
const labelsOf = (values: readonly number[]) => tensor([...values], { device, dtype: 'i32' })
const logit = fc.double({ min: -30, max: 30, noNaN: true })
const batches = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2, max: 5 })).chain(([n, c]) =>
  fc.record({
    logits: fc.array(fc.array(logit, { minLength: c, maxLength: c }), { minLength: n, maxLength: n }),
    other: fc.array(fc.array(logit, { minLength: c, maxLength: c }), { minLength: n, maxLength: n }),
    labels: fc.array(fc.integer({ min: 0, max: c - 1 }), { minLength: n, maxLength: n }),
  }),
)

test('label smoothing is its definition', async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.double({ min: 0, max: 0.9, noNaN: true }), async ({ logits, labels }, s) => {
      const logs = [...(await logSoftmax(rows(logits)).data())].map(Number)
      const c = logits[0].length
      const each = labels.map((y, i) => {
        const row = logs.slice(i * c, (i + 1) * c).map((v) => -v)
        return (1 - s) * row[y] + (s * row.reduce((a, b) => a + b)) / c
      })
      const expected = each.reduce((a, b) => a + b) / each.length
      expect(await labelSmoothingLoss(rows(logits), labelsOf(labels), s).item()).toBeCloseTo(expected, 8)
    }),
    { numRuns: 30 },
  )
})

test('a distillation from itself is nothing, from others is positive, and pulls towards them', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async ({ logits, other }) => {
      const [student, teacher] = [rows(logits), rows(other)]
      expect(await softDistillation(student, student, 2).item()).toBeCloseTo(0, 10)
      expect(await mesaMambaVision(student, student, 1).item()).toBeCloseTo(0, 10)
      expect(await softDistillation(student, teacher, 2).item()).toBeGreaterThanOrEqual(-1e-12)
      const [gradient] = grad((x: Tensor) => softDistillation(x, teacher, 1))(student)
      for (const v of await gradient.data()) expect(Number.isFinite(Number(v))).toBe(true)
    }),
    { numRuns: 30 },
  )
})

test('hard distillation takes the first of equal classes', async () => {
  const student = rows([
    [1, 2, 3],
    [0, 1, 0],
  ])
  const loss = hardDistillation(
    student,
    rows([
      [5, 7, 7],
      [2, 1, 0],
    ]),
  )
  expect(await loss.item()).toBeCloseTo(await crossEntropy(student, labelsOf([1, 0])).item(), 12)
})

test('binary cross entropy stays finite far out and is symmetric', async () => {
  const far = rows([
    [200, -200],
    [-200, 200],
  ])
  const targets = rows([
    [1, 0],
    [1, 0],
  ])
  expect(await binaryCrossEntropy(far, targets).item()).toBeCloseTo(100, 8)
  const [gradient] = grad((x: Tensor) => binaryCrossEntropy(x, targets))(far)
  for (const v of await gradient.data()) expect(Math.abs(Number(v))).toBeLessThanOrEqual(0.25)
  await fc.assert(
    fc.asyncProperty(batches, async ({ logits, labels }) => {
      const x = rows(logits)
      const flipped = rows(logits.map((row) => row.map((v) => -v)))
      const t = smoothedTargets(labelsOf(labels), x, 0.1)
      const inverse = rows([[...(await t.data())].map((v) => 1 - Number(v))])
      const reshaped = tensor(Float64Array.from(await inverse.data(), Number), { shape: t.shape, device, dtype: 'f64' })
      const [a, b] = [await binaryCrossEntropy(x, t).item(), await binaryCrossEntropy(flipped, reshaped).item()]
      expect(a).toBeCloseTo(b, 8)
      expect(await binaryCrossEntropy(x, t, { sumClasses: true }).item()).toBeCloseTo(a * logits[0].length, 8)
    }),
    { numRuns: 20 },
  )
})

test('equal splits add nothing to the clean part', async () => {
  const clean = [
    [1, 2, 0],
    [0, 1, 3],
  ]
  const labels = labelsOf([1, 2])
  const loss = jensenShannonLoss(rows([...clean, ...clean, ...clean]), labels, { smoothing: 0 })
  expect(await loss.item()).toBeCloseTo(await crossEntropy(rows(clean), labels).item(), 10)
  expect(() => jensenShannonLoss(rows(clean), labels, { splits: 2 })).toThrow(/2 splits need logits of 2 batches/)
})

test('statistics of ranks', async () => {
  const ranks = [[rows([[1, 2]])], [rows([[3, 6]])]]
  expect([...(await distributeStatistics(ranks)[0].data())]).toEqual([2, 4])
  expect([...(await distributeStatistics(ranks, 'broadcast')[0].data())]).toEqual([1, 2])
  expect(() => distributeStatistics([[], [rows([[1]])]])).toThrow(/got 0, 1 tensors/)
})

test('an epoch of the accumulating trainer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 1, max: 512 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 16 }),
      (images, batch, accumulation, world) => {
        const { samplesPerRank, batchesPerRank, updates, batchesLeft } = epochCounts(images, { batch, accumulation, world })
        expect(samplesPerRank * world).toBeGreaterThanOrEqual(images)
        expect(updates * accumulation + batchesLeft).toBe(batchesPerRank)
        expect(batchesLeft).toBeGreaterThanOrEqual(0)
      },
    ),
  )
})

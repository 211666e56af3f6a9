import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  cosine,
  cycleLength,
  hyperbolic,
  layerScales,
  milestones,
  parameterGroups,
  perEpoch,
  perUpdate,
  polynomial,
  scaledRate,
  steps,
} from '../src/index.js'

const lengths = fc.record({
  length: fc.integer({ min: 2, max: 400 }),
  warm: fc.integer({ min: 0, max: 40 }),
  prefix: fc.boolean(),
  rate: fc.double({ min: 1e-3, max: 1, noNaN: true }),
})

test('every curve stays between its ends, reaches the minimum at the end, and keeps it', () => {
  fc.assert(
    fc.property(lengths, fc.constantFrom(cosine, polynomial, hyperbolic), ({ length, warm, prefix, rate }, curve) => {
      const min = 1e-5
      const warmup = { length: warm, start: 1e-6, prefix }
      const schedule = curve({ rate, min, length, warmup })
      const end = cycleLength({ length, warmup })
      for (let t = 0; t <= end + 5; t++) {
        expect(schedule(t)).toBeGreaterThanOrEqual(1e-6 - 1e-15)
        expect(schedule(t)).toBeLessThanOrEqual(rate + 1e-12)
      }
      if (warm < end) for (const t of [end, end + 1, end + 100]) expect(schedule(t)).toBeCloseTo(min, 12)
      if (warm > 0) expect(schedule(0)).toBeCloseTo(1e-6, 12)
    }),
  )
})

test('a warm-up in front of the curve ends at the peak, one inside it below', () => {
  const options = { rate: 1, length: 100 }
  expect(cosine({ ...options, warmup: { length: 10, start: 0, prefix: true } })(10)).toBe(1)
  expect(cosine({ ...options, warmup: { length: 10, start: 0 } })(10)).toBeLessThan(0.98)
  expect(() => cosine({ rate: 1, length: 0 })).toThrow(/cannot have the length 0/)
  expect(() => cosine({ ...options, warmup: { length: -1, start: 0 } })).toThrow(/warm-up cannot last -1/)
})

test('steps and milestones fall by their factor', () => {
  const falling = steps({ rate: 1, every: 3, factor: 0.1 })
  expect([0, 2, 3, 6].map(falling)).toEqual([1, 1, 0.1, expect.closeTo(0.01, 12)])
  const at = milestones({ rate: 1, at: [4, 9], factor: 0.1 })
  expect([2, 3, 7, 8].map(at)).toEqual([1, 0.1, 0.1, expect.closeTo(0.01, 12)])
})

test('timelines: per epoch and late by one, per update ahead and behind', () => {
  const count = (t: number) => t
  const at = (epoch: number, update: number) => ({ epoch, update, updatesPerEpoch: 10 })
  const late = perEpoch(count, { lag: 1, resumedAt: 7 })
  expect([at(0, 5), at(1, 0), at(2, 9), at(7, 3), at(8, 0)].map(late)).toEqual([0, 0, 1, 7, 7])
  expect(perEpoch(count)(at(4, 9))).toBe(4)
  expect([at(0, 0), at(1, 2)].map(perUpdate(count, { shift: 1 }))).toEqual([1, 13])
  expect([at(0, 0), at(0, 1), at(1, 2)].map(perUpdate(count, { shift: -1 }))).toEqual([0, 0, 11])
  expect(scaledRate(5e-4, 128, 8)).toBeCloseTo(1e-3, 15)
})

const parameters = fc
  .array(
    fc.tuple(
      fc.constantFrom('a.weight', 'b.bias', 'pos_embed', 'A_log', 'D'),
      fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((list) => list.map(([name, shape], i) => [`m${i}.${name}`, { shape }] as const))

test('groups hold every parameter once, in order, decayed only with two axes and no exclusion', () => {
  fc.assert(
    fc.property(
      parameters,
      fc.constantFrom('timm' as const, 'efficientvim' as const),
      fc.constantFrom(0, 0.05),
      (list, rule, weightDecay) => {
        const exclude = list.filter(([name]) => name.endsWith('pos_embed')).map(([name]) => name)
        const groups = parameterGroups(list, { weightDecay, exclude, rule })
        expect(groups.flatMap((g) => g.parameters).toSorted()).toEqual(list.map(([name]) => name).toSorted())
        for (const group of groups) {
          const order = group.parameters.map((name) => list.findIndex(([other]) => other === name))
          expect(order).toEqual(order.toSorted((a, b) => a - b))
          if (group.weightDecay === 0) continue
          for (const name of group.parameters) {
            expect(exclude).not.toContain(name)
            expect(name.endsWith('.bias')).toBe(false)
            expect(list.find(([other]) => other === name)![1].shape.length).not.toBe(1)
          }
        }
        if (weightDecay === 0 && list.length > 0) expect(groups).toHaveLength(1)
      },
    ),
  )
})

test('rates fall layer by layer', () => {
  const layer = (name: string) => (name === 'pos_embed' ? 0 : name.startsWith('layers.') ? Number(name.split('.')[1]) + 1 : 25)
  const scale = layerScales(25, 0.837, layer)
  const groups = parameterGroups(
    ['pos_embed', 'layers.0.weight', 'layers.23.weight', 'head.weight'].map((name) => [name, { shape: [2, 2] }] as const),
    { weightDecay: 0.1, lrScale: scale },
  )
  const of = (name: string) => groups.find((g) => g.parameters.includes(name))!.lrScale
  expect(of('pos_embed')).toBeCloseTo(0.837 ** 25, 12)
  expect(of('layers.23.weight')).toBeCloseTo(0.837, 12)
  expect(of('head.weight')).toBe(1)
  expect(() => parameterGroups([['a', { shape: [] }]], { weightDecay: 0, lrScale: () => -1 })).toThrow(
    /cannot be multiplied by -1/,
  )
})

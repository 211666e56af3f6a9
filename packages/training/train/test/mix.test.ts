import { Generator } from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawsFrom, type MixOptions, mixImages, mixTargets, planMix } from '../src/index.js'

const options: fc.Arbitrary<MixOptions> = fc.record({
  mixupAlpha: fc.constantFrom(0.2, 0.8, 1),
  cutmixAlpha: fc.constantFrom(0, 1),
  prob: fc.constantFrom(0, 0.5, 1),
  switchProb: fc.constantFrom(0, 0.5, 1),
  mode: fc.constantFrom('batch', 'pair', 'elem', 'half'),
})
const cases = fc.record({
  options,
  pairs: fc.integer({ min: 1, max: 4 }),
  size: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
  seed: fc.nat(),
})

test('every value of a mixed batch lies between a sample and its partner, and shares are of the area', () => {
  fc.assert(
    fc.property(cases, ({ options, pairs, size, seed }) => {
      const [batch, [height, width]] = [2 * pairs, size]
      const random = new Generator(seed)
      const plan = planMix(options, batch, size, drawsFrom(random))
      expect(plan).toHaveLength(options.mode === 'half' ? pairs : batch)
      const pixels = height * width * 2
      const images = Float32Array.from({ length: batch * pixels }, () => random.uniform())
      const before = images.slice()
      const mixed = mixImages(images, [batch, height, width, 2], plan)
      expect(images).toEqual(before)
      for (const [i, { share, box }] of plan.entries()) {
        expect(share).toBeGreaterThanOrEqual(0)
        expect(share).toBeLessThanOrEqual(1)
        let own = 0
        for (let k = 0; k < pixels; k++) {
          const [a, b] = [images[i * pixels + k], images[(batch - 1 - i) * pixels + k]]
          const value = mixed[i * pixels + k]
          expect(value).toBeGreaterThanOrEqual(Math.min(a, b) - 1e-6)
          expect(value).toBeLessThanOrEqual(Math.max(a, b) + 1e-6)
          if (value === a) own++
        }
        if (box) expect(own / pixels).toBeGreaterThanOrEqual(share - 1e-9)
      }
    }),
    { numRuns: 150 },
  )
})

test('targets sum to one, and smoothing reaches every class', () => {
  fc.assert(
    fc.property(
      cases,
      fc.integer({ min: 2, max: 7 }),
      fc.constantFrom(0, 0.1),
      ({ options, pairs, size, seed }, classes, smoothing) => {
        const random = new Generator(seed)
        const plan = planMix(options, 2 * pairs, size, drawsFrom(random))
        const labels = Array.from({ length: 2 * pairs }, () => Math.floor(random.uniform() * classes))
        const targets = mixTargets(labels, classes, plan, smoothing)
        for (const [i] of plan.entries()) {
          const row = targets.subarray(i * classes, (i + 1) * classes)
          expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
          expect(Math.min(...row)).toBeGreaterThanOrEqual((smoothing / classes) * 0.999)
        }
      },
    ),
  )
})

test('bytes are rounded half to even and stay bytes', () => {
  const mixed = mixImages(Uint8Array.of(1, 2, 255, 0, 2, 3, 0, 255), [2, 2, 2, 1], [{ share: 0.5 }, { share: 0.5 }])
  expect([...mixed]).toEqual([2, 2, 128, 128, 2, 2, 128, 128])
})

test('without mixing everything stays, and labels are smoothed', () => {
  const images = Float32Array.of(1, 2, 3, 4)
  expect(mixImages(images, [2, 1, 2, 1], [{ share: 1 }, { share: 1 }])).toEqual(images)
  expect([...mixTargets([1, 0], 2, [{ share: 1 }, { share: 1 }], 0.1)]).toEqual([0.05, 0.95, 0.95, 0.05].map(Math.fround))
})

test('shares follow their distribution', () => {
  const draws = drawsFrom(new Generator(1))
  for (const alpha of [0.2, 0.8, 1, 3]) {
    const values = Array.from({ length: 4000 }, () => draws.beta(alpha))
    const mean = values.reduce((a, b) => a + b) / values.length
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
    expect(mean).toBeCloseTo(0.5, 1)
    expect(variance / (1 / (4 * (2 * alpha + 1)))).toBeCloseTo(1, 0)
  }
})

test('what cannot be mixed', () => {
  const draws = drawsFrom(new Generator(1))
  expect(() => planMix({ mixupAlpha: 1, cutmixAlpha: 0 }, 3, [4, 4], draws)).toThrow(/a batch must be even, got 3/)
  expect(() => planMix({ mixupAlpha: 0, cutmixAlpha: 0 }, 2, [4, 4], draws)).toThrow(/above 0/)
  expect(() => mixTargets([0, 5], 5, [{ share: 1 }])).toThrow(/label 5 of sample 1 is none of the 5 classes/)
  expect(() => mixImages(new Float32Array(3), [2, 1, 1, 1], [])).toThrow(/3 values are no batch of \[2, 1, 1, 1\]/)
  const images = new Float32Array(2)
  expect(() => mixImages(images, [2, 1, 1, 1], [{ share: 1 }, { share: 1 }], images)).toThrow(/of their own/)
})

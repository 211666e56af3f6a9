import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planArena } from '../src/memory/arena.js'
import { planBuffers } from '../src/memory/buffers.js'
import { type Lifetime, overlaps } from '../src/memory/lifetimes.js'

const lifetimes = fc.array(
  fc
    .record({ bytes: fc.nat(1000), first: fc.nat(30), length: fc.nat(10) })
    .map(({ bytes, first, length }): Lifetime => ({ bytes, first, last: first + length })),
  { maxLength: 40 },
)

const together = (lives: readonly Lifetime[]): [number, number][] =>
  lives.flatMap((a, i) =>
    lives.flatMap((b, j) => (i < j && a.bytes > 0 && b.bytes > 0 && overlaps(a, b) ? [[i, j] as [number, number]] : [])),
  )

test('in an arena, values alive together never meet, and offsets are aligned', () => {
  fc.assert(
    fc.property(lifetimes, (lives) => {
      const { slots, places } = planArena(lives, 64)
      expect(slots.length).toBeLessThanOrEqual(1)
      lives.forEach((life, i) => {
        expect(places[i].offset % 64).toBe(0)
        if (life.bytes > 0) expect(places[i].offset + life.bytes).toBeLessThanOrEqual(slots[0])
      })
      for (const [i, j] of together(lives)) {
        const apart =
          places[i].offset + lives[i].bytes <= places[j].offset || places[j].offset + lives[j].bytes <= places[i].offset
        expect(apart).toBe(true)
      }
    }),
  )
})

test('whole buffers hold one value at a time and are large enough', () => {
  fc.assert(
    fc.property(lifetimes, (lives) => {
      const { slots, places } = planBuffers(lives)
      lives.forEach((life, i) => {
        expect(slots[places[i].slot]).toBeGreaterThanOrEqual(life.bytes)
      })
      for (const [i, j] of together(lives)) expect(places[i].slot).not.toBe(places[j].slot)
    }),
  )
})

test('a chain of equal values needs room for two', () => {
  const chain = Array.from({ length: 10 }, (_, i): Lifetime => ({ bytes: 128, first: i, last: i + 1 }))
  expect(planArena(chain, 64).slots).toEqual([256])
  expect(planBuffers(chain).slots).toEqual([128, 128])
})

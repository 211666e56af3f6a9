import { epochOrder, rankShare, repeatedShare, type Sampler, shuffledIndices, streamFor } from '@scanline/datasets'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { orderLength } from '../src/samplers.js'
import { fixture } from './setup.js'

interface Case {
  sampler: string
  length: number
  world: number
  permutation?: number[]
  args?: { num_repeats: number; selected_round: number }
  ranks: number[][]
}
const { cases } = fixture<{ cases: Case[] }>('samplers')

describe('samplers equal the reference', () => {
  test.each(cases.map((c) => [c.sampler, c] as const))('%s', (_, { sampler, length, world, permutation, args, ranks }) => {
    const list = Uint32Array.from(permutation ?? Array.from({ length }, (_, i) => i))
    for (const [rank, expected] of ranks.entries()) {
      const repeats = args && { repeats: args.num_repeats, round: args.selected_round }
      const { indices } = /repeat|RASampler/i.test(sampler)
        ? repeatedShare(list, { world, rank, ...repeats })
        : rankShare(list, { world, rank })
      expect([...indices]).toEqual(expected)
    }
  })
})

const size = fc.integer({ min: 1, max: 900 })
const seed = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

describe('orders', () => {
  it('a shuffle is a permutation, and a function of seed and epoch', () => {
    fc.assert(
      fc.property(size, seed, fc.integer({ min: 0, max: 1000 }), (length, s, epoch) => {
        const order = shuffledIndices(length, s, epoch)
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i))
        expect(shuffledIndices(length, s, epoch)).toEqual(order)
        if (length > 50) expect(shuffledIndices(length, s, epoch + 1)).not.toEqual(order)
      }),
      { numRuns: 50 },
    )
  })

  it('ranks share an epoch: together they visit what one process visits, at the same places', () => {
    const sampler = fc.oneof(
      fc.constantFrom<Sampler>('shuffled', 'sequential'),
      fc.record({ repeats: fc.integer({ min: 1, max: 4 }), round: fc.constantFrom(0, 8) }),
    )
    fc.assert(
      fc.property(size, sampler, fc.integer({ min: 1, max: 5 }), (length, kind, world) => {
        const alone = epochOrder(length, kind, 7, 3)
        const whole = epochOrder(length, typeof kind === 'string' ? kind : { ...kind, round: 0 }, 7, 3)
        expect(alone.indices.length).toBe(orderLength(length, kind))
        for (let rank = 0; rank < world; rank++) {
          const share = epochOrder(length, kind, 7, 3, { world, rank })
          expect(share.indices.length).toBe(orderLength(length, kind, { world, rank }))
          for (const [i, place] of share.places.entries()) {
            expect(place).toBe(rank + i * world)
            if (place < whole.indices.length) expect(share.indices[i]).toBe(whole.indices[place])
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('a rank that is none is refused', () => {
    expect(() => epochOrder(10, 'shuffled', 1, 0, { world: 2, rank: 2 })).toThrow('rank 2 of 2')
  })
})

it('streams differ by every part of their name', () => {
  const first = (...args: Parameters<typeof streamFor>) =>
    streamFor(...args)
      .words()
      .join()
  const all = [
    first('augment', 1, 0, 0),
    first('augment', 1, 0, 1),
    first('augment', 1, 1, 0),
    first('augment', 2, 0, 0),
    first('augment', 1 + 2 ** 32, 0, 0),
    first('finish', 1, 0, 0),
    first('shuffle', 1, 0, 0),
  ]
  expect(new Set(all).size).toBe(all.length)
  // On every machine and in every version: a change here changes every training run.
  expect(all[0]).toBe('4288480145,4207121415')
})

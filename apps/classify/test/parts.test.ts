import { compareNatural } from '@scanline/datasets'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ahead } from '../src/cli/ahead.js'
import { oneLine } from '../src/cli/failure.js'
import { bar, clip, table } from '../src/cli/table.js'
import { topK } from '../src/top-k.js'

describe('topK', () => {
  it('is the head of a stable sort', () => {
    const values = fc.array(fc.constantFrom(0, 0.1, 0.25, 0.5, 1), { maxLength: 30 })
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 12 }), (probabilities, k) => {
        const sorted = probabilities.map((probability, index) => ({ index, label: `c${index}`, probability }))
        sorted.sort((a, b) => b.probability - a.probability || a.index - b.index)
        expect(topK(probabilities, k, (i) => `c${i}`)).toEqual(sorted.slice(0, k))
      }),
    )
  })
})

describe('natural order', () => {
  it('compares numbers by value and ignores case', () => {
    const names = ['n10.png', 'N9.png', 'a/2/x.png', 'a/10/x.png', 'B1.png', 'n9b.png', 'n09.png']
    expect(names.sort(compareNatural)).toEqual(['a/2/x.png', 'a/10/x.png', 'B1.png', 'N9.png', 'n09.png', 'n9b.png', 'n10.png'])
  })

  it('is an order', () => {
    const name = fc.stringMatching(/^[aB0-9.]{0,8}$/)
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNatural(a, b))).toBe(-Math.sign(compareNatural(b, a)) + 0)
        if (compareNatural(a, b) <= 0 && compareNatural(b, c) <= 0) expect(compareNatural(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })
})

describe('text for a terminal', () => {
  it('never passes control characters on', () => {
    expect(oneLine('a\r\n  b\u001b[31mc\u0007')).toBe('a b\ufffd[31mc\ufffd')
  })

  it('aligns wide characters', () => {
    const text = table(
      [{ title: 'name' }, { title: 'n', align: 'right' }],
      [
        ['猫', '1'],
        ['horse', '10'],
      ],
    )
    expect(text).toBe('name    n\n猫      1\nhorse  10\n')
  })

  it('clips to cells and draws eighths', () => {
    expect(clip('great white shark', 8)).toBe('great w…')
    expect(clip('猫猫猫', 5)).toBe('猫猫…')
    expect([bar(1, 4), bar(0.5, 4), bar(1 / 32, 4), bar(0, 4)]).toEqual(['████', '██', '▏', ''])
  })
})

describe('ahead', () => {
  it('keeps the order, starts only a few, and rejects where the item failed', async () => {
    let [running, most] = [0, 0]
    const load = async (n: number): Promise<number> => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, (7 * n) % 5))
      running--
      if (n === 8) throw new Error('eight')
      return n
    }
    const seen: number[] = []
    const all = (async () => {
      for await (const n of ahead([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3, load)) seen.push(n)
    })()
    await expect(all).rejects.toThrow('eight')
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(most).toBeLessThanOrEqual(4)
    expect(most).toBeGreaterThan(1)
  })
})

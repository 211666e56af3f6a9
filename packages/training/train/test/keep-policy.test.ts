import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeepPolicy, RecoveryPolicy } from '../src/index.js'

test('the best stay, older ones first among equals, whether or not the run was resumed in between', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      fc.nat(20),
      (metrics, keep, lowerIsBetter, resumeAt) => {
        let policy = new KeepPolicy({ keep, lowerIsBetter })
        const files = new Set<number>()
        let best: number | undefined
        for (const [epoch, metric] of metrics.entries()) {
          if (epoch === resumeAt) policy = new KeepPolicy({ keep, lowerIsBetter }, JSON.parse(JSON.stringify(policy.state)))
          const actions = policy.add(epoch, metric)
          for (const old of actions.remove) expect(files.delete(old)).toBe(true)
          if (actions.keep) files.add(epoch)
          if (actions.best) best = epoch
          const order = (a: number, b: number) => (lowerIsBetter ? metrics[a] - metrics[b] : metrics[b] - metrics[a]) || a - b
          const ranked = Array.from({ length: epoch + 1 }, (_, i) => i).sort(order)
          expect(best).toBe(ranked[0])
          expect(files.size).toBe(Math.min(keep, epoch + 1))
          expect([...files].map((e) => metrics[e]).sort()).toEqual(
            ranked
              .slice(0, keep)
              .map((e) => metrics[e])
              .sort(),
          )
        }
      },
    ),
  )
})

test('two files of recovery stay', () => {
  const policy = new RecoveryPolicy()
  expect(['a', 'b', 'c', 'd'].map((file) => policy.add(file))).toEqual([undefined, undefined, 'a', 'b'])
})

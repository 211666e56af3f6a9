import { expect, test } from 'vitest'
import { belowPrefix } from '../src/index.js'

const names = (keys: readonly string[], ...anchors: string[]): string[] =>
  belowPrefix(
    keys.map((key, i) => [key, i] as const),
    ...anchors,
  ).map(([key, i]) => `${key} ${i}`)

test('takes prefixes off and leaves out what lies beside them', () => {
  expect(names(['a.w', 'b.w'], 'a.w')).toEqual(['a.w 0', 'b.w 1'])
  expect(names(['module.model.b.w', 'module.model.a.w', 'module.head.w'], 'a.w')).toEqual(['b.w 0', 'a.w 1'])
  expect(names(['neck.x', 'backbone.z.w'], 'a.w', 'z.w')).toEqual(['z.w 1'])
  // No anchor, and one that only ends alike.
  expect(names(['x.w', 'y.extra.w'], 'a.w')).toEqual(['x.w 0', 'y.extra.w 1'])
  expect(names(['data.w'], 'a.w')).toEqual(['data.w 0'])
})

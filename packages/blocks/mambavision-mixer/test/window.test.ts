import { ReferenceBackend, tensor, zeros } from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { partitionWindows, reverseWindows } from '../src/index.js'

const device = new ReferenceBackend()
const count = (shape: readonly number[]) =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
    { device, shape },
  )

test('windows in the order image, row, column; tokens row by row; zeros at the bottom and the right', async () => {
  const tokens = partitionWindows(count([1, 3, 4, 1]), 2)
  expect(tokens.shape).toEqual([4, 4, 1])
  expect([...((await tokens.data()) as Float32Array)]).toEqual([1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 0, 0, 11, 12, 0, 0])
})

test('putting windows together is the inverse for any size', async () => {
  const size = fc.integer({ min: 1, max: 9 })
  await fc.assert(
    fc.asyncProperty(size, size, size, fc.integer({ min: 1, max: 3 }), async (height, width, window, n) => {
      const x = count([n, height, width, 2])
      const tokens = partitionWindows(x, window)
      expect(tokens.shape).toEqual([n * Math.ceil(height / window) * Math.ceil(width / window), window ** 2, 2])
      const back = reverseWindows(tokens, window, { height, width })
      expect(back.shape).toEqual(x.shape)
      expect(await back.data()).toEqual(await x.data())
    }),
    { numRuns: 60 },
  )
})

test('what cannot be is refused with numbers', () => {
  expect(() => partitionWindows(zeros([4, 4, 2], { device }), 2)).toThrow(/\[N, H, W, C\]/)
  expect(() => partitionWindows(zeros([1, 4, 4, 2], { device }), 0)).toThrow(/got 0/)
  expect(() => reverseWindows(zeros([3, 4, 2], { device }), 2, { height: 4, width: 4 })).toThrow(/2 × 2 windows of 4 tokens/)
})

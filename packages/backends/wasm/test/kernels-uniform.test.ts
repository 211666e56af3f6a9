import { sizeOf } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { suite } from './reference.js'

const { check, run } = suite()
const key = { data: [0x12345678, -0x76543211], shape: [2], dtype: 'i32' as const }

test.each([[], [0], [1], [3], [7], [8], [49], [197], [1025], [3, 4, 5], [70_001]])(
  'the bits of the definition, %j',
  async (...shape) => {
    for (const stream of [0, 1, 2 ** 31 + 3]) await check('uniform', [key], { shape, stream })
  },
)

test('numbers fill [0, 1) evenly', async () => {
  const shape = [100_000]
  const values = (await run('uniform', [key], { shape, stream: 5 })).actual as Float32Array
  expect(values.every((v) => v >= 0 && v < 1)).toBe(true)
  expect(values.reduce((a, v) => a + v, 0) / sizeOf(shape)).toBeCloseTo(0.5, 2)
})

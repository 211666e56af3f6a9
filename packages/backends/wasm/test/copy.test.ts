import { contiguousStrides, type DType, sizeOf } from '@scanline/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWasmBackend } from '../src/index.js'
import { type Input, launch, noise } from './launch.js'

describe.each([1, 2])('copy with %i threads', (threads) => {
  let backend: Awaited<ReturnType<typeof createWasmBackend>>
  beforeAll(async () => {
    backend = await createWasmBackend({ threads })
  })
  afterAll(() => backend.dispose())

  const expected = ({ data, shape, strides = contiguousStrides(shape), offset = 0 }: Input) =>
    Array.from({ length: sizeOf(shape) }, (_, i) => {
      const own = contiguousStrides(shape)
      return data[offset + shape.reduce((at, d, axis) => at + (Math.floor(i / own[axis]) % d) * strides[axis], 0)]
    })

  const data = noise(40_000)
  const cases: Record<string, Input> = {
    nothing: { data, shape: [0] },
    'no rows': { data, shape: [3, 0, 5] },
    'a scalar': { data, shape: [] },
    contiguous: { data, shape: [197, 3] },
    'large and contiguous': { data, shape: [40_000] },
    transposed: { data, shape: [49, 7], strides: [1, 49] },
    'large and transposed': { data, shape: [197, 196], strides: [1, 197] },
    'a slice of channels': { data, shape: [2, 7, 7, 24], strides: [7 * 7 * 36, 7 * 36, 36, 1], offset: 12 },
    broadcast: { data, shape: [5, 7, 3], strides: [0, 1, 0] },
    'every second element': { data, shape: [1000], strides: [2] },
  }
  test.each(Object.entries(cases))('%s', async (_, input) => {
    expect(Array.from((await launch(backend, 'copy', [input], input.shape)) as Float32Array)).toEqual(expected(input))
  })

  test.each<DType>(['u8', 'bool', 'i32', 'f16'])('%s elements', async (dtype) => {
    const input: Input = { data: Array.from({ length: 35 }, (_, i) => i % 2), shape: [7, 5], strides: [1, 7], dtype }
    const whole = { ...input, strides: contiguousStrides([7, 5]) }
    const stored = Array.from((await launch(backend, 'copy', [whole], [7, 5], {}, dtype)) as Uint8Array)
    const copied = Array.from((await launch(backend, 'copy', [input], [7, 5], {}, dtype)) as Uint8Array)
    expect(copied).toEqual(expected({ ...input, data: stored }))
  })
})

test('threads really take part', async () => {
  const backend = await createWasmBackend({ threads: 2 })
  expect(backend.capabilities.threads).toBe(2)
  backend.dispose()
})

import { compile } from '@scanline/compile'
import { type Backend, conv2d, matmul, type Shape, sizeOf, type Tensor, tensor } from '@scanline/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCpuBackend, isCpuAvailable } from '../src/index.js'

/** Whole numbers that bfloat16 holds exactly, so that their sums of products are exact too. */
const whole = (shape: Shape, device: Backend, step = 7): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * step) % 17) - 8),
    { shape, device },
  )

describe.skipIf(!isCpuAvailable())('products of bfloat16', () => {
  let [f32, bf16]: Backend[] = []
  beforeAll(async () => {
    f32 = await createCpuBackend({ threads: 2 })
    bf16 = await createCpuBackend({ threads: 2, precision: 'bf16' })
  })
  afterAll(() => {
    f32.dispose()
    bf16.dispose()
  })

  const both = async (f: (device: Backend) => Tensor) => {
    const [a, b] = [f(f32), f(bf16)]
    expect(await b.data()).toEqual(await a.data())
  }

  test.each([
    [1, 1, 1],
    [5, 7, 9],
    [17, 31, 33],
    [49, 96, 130],
    [100, 341, 47],
    [3, 0, 4],
  ])('are exact where the factors are, %i×%i×%i', (m, k, n) =>
    both((device) => matmul(whole([m, k], device), whole([k, n], device, 5))),
  )

  test('of many matrices', () => both((device) => matmul(whole([2, 3, 5, 9], device), whole([2, 3, 9, 20], device, 5))))

  test.each([
    [3, 24, 2],
    [5, 17, 1],
    [16, 40, 2],
  ])('in a convolution of %i channels to %i, stride %i', (channels, filters, stride) =>
    both((device) =>
      conv2d(whole([2, 9, 11, channels], device), whole([filters, channels, 3, 3], device, 5), undefined, { stride, padding: 1 }),
    ),
  )

  test('of one program, as it was compiled', async () => {
    const f = (device: Backend) => (x: Tensor) => matmul(x, tensor([[1 / 3], [1]], { device }))
    const run = async (device: Backend, precision?: 'f32' | 'bf16') => {
      const x = tensor([[1 / 3, 0]], { device })
      const program = await compile(f(device), [x], { device, ...(precision ? { precision } : {}) })
      return Number((await program.run(x).data())[0])
    }
    const [exact, rounded] = [await run(f32), await run(bf16)]
    expect(await run(f32, 'bf16')).toBe(rounded)
    expect(await run(bf16, 'f32')).toBe(exact)
  })

  test('keep eight bits of each factor where the processor has them', async () => {
    const third = (device: Backend) => tensor([[1 / 3]], { device })
    const [exact] = await matmul(third(f32), third(f32)).data()
    const [rounded] = await matmul(third(bf16), third(bf16)).data()
    expect(Number(exact)).toBeCloseTo(1 / 9, 7)
    // 1/3 as bfloat16 is 0.333984375.
    expect(Number(rounded)).toBe(bf16.capabilities.features.bf16Products ? Math.fround(0.333984375 ** 2) : Number(exact))
  })
})

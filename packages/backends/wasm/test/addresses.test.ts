import * as s from '@scanline/tensor'
import { expect, test } from 'vitest'
import { createWasmBackend } from '../src/index.js'

test('addresses above 2 GiB work like others', async () => {
  const device = await createWasmBackend({ threads: 2 })
  // Never written, so that it takes addresses and no memory.
  const low = device.alloc(2 ** 31)
  const values = (shape: readonly number[]) => {
    const random = new s.Generator(7)
    return Float32Array.from({ length: s.sizeOf(shape) }, () => random.normal())
  }
  const reference = new s.ReferenceBackend()
  const run = async (device: s.Backend) => {
    const make = (...shape: number[]) => s.tensor(values(shape), { shape, device })
    const x = make(2, 14, 14, 24)
    const results = s.scope(() => [
      s.gelu(s.matmul(x, make(24, 40))),
      s.layerNorm(x, make(24), make(24), 1e-6),
      s.conv2d(x, make(8, 24, 3, 3), undefined, { padding: 1 }),
      s.conv2d(x, make(24, 1, 7, 7), undefined, { padding: 3, groups: 24 }),
      s.softmax(s.permute(x, [0, 3, 1, 2])),
      s.mean(x, [1, 2]),
      s.maxPool2d(x, { kernel: 3, stride: 2 }),
      s.concat([x, s.flip(x, [1])]),
      s.pad(x, { before: [0, 1, 1, 0], after: [0, 1, 1, 0] }),
    ])
    return await Promise.all(results.map((t) => t.data()))
  }
  const [got, want] = [await run(device), await run(reference)]
  got.forEach((data, i) => {
    data.forEach((v, at) => {
      expect(Math.abs(Number(v) - Number(want[i][at])), `${i} ${at}`).toBeLessThan(1e-3)
    })
  })
  device.free(low)
  device.dispose()
})

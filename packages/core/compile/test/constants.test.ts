import * as s from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

/** Wants the right side of every product packed, as fast backends do, and notes how much memory was ever in use. */
class PackingBackend extends s.ReferenceBackend {
  peak = 0

  override alloc(bytes: number): s.DeviceBuffer {
    const buffer = super.alloc(bytes)
    this.peak = Math.max(this.peak, this.memory().bytes)
    return buffer
  }
  override select(call: s.OpCall): s.Launch | { refused: string } {
    const launch = super.select(call)
    if (call.op !== 'matmul' || 'refused' in launch) return launch
    const [a, b] = call.inputs
    const packed = { ...b, strides: s.contiguousStrides(b.shape) }
    const pack = super.select({ op: 'copy', inputs: [b], outputs: [packed], attrs: {} }) as s.Launch
    const bytes = s.sizeOf(b.shape) * s.bytesPerElement[b.dtype]
    return { ...launch, params: { ...call, inputs: [a, packed] }, prepare: [{ input: 1, launch: pack, bytes }] }
  }
}

const size = 32
const bytes = 4 * size * size
const square = (device: s.Backend, seed: number): s.Tensor => {
  const random = new s.Generator(seed)
  return s.tensor(
    Float32Array.from({ length: size * size }, () => random.normal() / size),
    { device, shape: [size, size] },
  )
}

test('a weight that is used twice is packed once', async () => {
  const device = new PackingBackend()
  const [w, x] = [square(device, 1), square(device, 2)]
  // Each transpose is a view of its own, over the same memory.
  const f = (x: s.Tensor): s.Tensor => s.matmul(s.matmul(x, s.transpose(w)), s.transpose(w))
  const program = await compile(f, [x], { device })
  expect(program.constantBytes).toBe(bytes)
  expect(await program.run(x).data()).toEqual(await f(x).data())
})

test('folded weights are freed as soon as they are packed', async () => {
  const device = new PackingBackend()
  const weights = Array.from({ length: 8 }, (_, i) => square(device, i))
  const scale = s.tensor(new Float32Array(size).fill(0.5), { device })
  const x = square(device, 100)
  const f = (x: s.Tensor): s.Tensor => weights.reduce((y, w) => s.mul(s.matmul(y, w), scale), x)
  const before = device.memory()
  using program = await compile(f, [x], { device })
  // Eight packed, and two to work in: no more than what the program keeps.
  expect(device.peak).toBeLessThanOrEqual(before.bytes + 10 * bytes)
  const values = (await program.run(x).data()) as Float32Array
  ;((await f(x).data()) as Float32Array).forEach((v, i) => {
    expect(values[i]).toBeCloseTo(v, 6)
  })
})

test('a compile that fails frees what it captured', async () => {
  const device = new PackingBackend()
  const w = square(device, 1)
  const input = [{ shape: [size, size], dtype: 'f32' }] as const
  await expect(compile((x) => s.matmul(s.matmul(x, w), s.slice(x, 0, 0, 3)), input, { device })).rejects.toThrow(s.ShapeError)
  // An async function has made no graph when it returns.
  const late = (async (x: s.Tensor) => s.matmul(x, w)) as unknown as (x: s.Tensor) => s.Tensor
  await expect(compile(late, input, { device })).rejects.toThrow(/synchronous/)
  w.dispose()
  expect(device.memory().buffers).toBe(0)
})

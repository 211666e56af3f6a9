import { compile } from '@scanline/compile'
import {
  add,
  type Backend,
  conv2d,
  DisposedError,
  gelu,
  layerNorm,
  matmul,
  mul,
  reshape,
  type Shape,
  sizeOf,
  sum,
  type Tensor,
  tensor,
} from '@scanline/tensor'
import { describe, expect, test } from 'vitest'
import { createCpuBackend, isCpuAvailable, measureCeiling } from '../src/index.js'
import { eachDevice } from './available.js'

/** Numbers from -1 to 1 that differ from call to call and are the same in every run. */
function source(): (shape: Shape, device: Backend) => Tensor {
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  }
  return (shape, device) => tensor(Float32Array.from({ length: sizeOf(shape) }, next), { shape, device })
}
const noise = source()

/** Convolution, norm, product, activation and a reduction: every way to cut work up. */
function network(device: Backend) {
  const filter = noise([40, 24, 3, 3], device)
  const depthwise = noise([40, 1, 7, 7], device)
  const weight = noise([40, 130], device)
  const bias = noise([130], device)
  return (x: Tensor): Tensor[] => {
    const y = conv2d(x, filter, undefined, { padding: 1 })
    const z = layerNorm(conv2d(y, depthwise, undefined, { padding: 3, groups: 40 }), undefined, undefined, 1e-6)
    const out = gelu(add(matmul(reshape(z, [-1, 40]), weight), bias))
    return [out, sum(mul(out, out), [0])]
  }
}

/** Vitest takes seconds to compare large arrays. */
async function bytesOf(t: Tensor): Promise<Buffer> {
  const data = await t.data()
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

async function bits(device: Backend): Promise<string[]> {
  const fill = source()
  const [x, w, b] = [fill([2, 31, 29, 24], device), fill([24, 197], device), fill([197], device)]
  const program = await compile((t: Tensor) => [gelu(add(matmul(reshape(t, [-1, 24]), w), b)), sum(t, [0, 1, 2])], [x], {
    device,
  })
  const results = program.run(x)
  const data = await Promise.all(results.map(bytesOf))
  for (const t of [x, w, b, ...results]) t.dispose()
  program.dispose()
  return data.map((d) => d.toString('base64'))
}

eachDevice('a device', (device) => {
  test('runs of one program that overlap keep apart', async () => {
    const f = network(device())
    const inputs = [1, 2, 3].map(() => noise([1, 20, 20, 24], device()))
    const program = await compile(f, [inputs[0]], { device: device() })
    const alone: Buffer[] = []
    for (const x of inputs) alone.push(await bytesOf(program.run(x)[0]))
    const together = await Promise.all(Array.from({ length: 12 }, (_, i) => bytesOf(program.run(inputs[i % 3])[0])))
    expect(together.map((data, i) => data.equals(alone[i % 3]))).toEqual(together.map(() => true))
    program.dispose()
  })

  test('what is written while work is pending comes after it', async () => {
    const buffer = device().alloc(4 * 1000)
    const [before, after] = [new Float32Array(1000).fill(1), new Float32Array(1000).fill(2)]
    const x = noise([1, 40, 40, 24], device())
    const program = await compile(network(device()), [x], { device: device() })
    device().write(buffer, 0, new Uint8Array(before.buffer))
    for (let i = 0; i < 20; i++) program.run(x)
    const first = device().read(buffer, 0, 4000)
    device().write(buffer, 0, new Uint8Array(after.buffer))
    const second = device().read(buffer, 0, 4000)
    expect(new Float32Array((await first).buffer)).toEqual(before)
    expect(new Float32Array((await second).buffer)).toEqual(after)
    device().free(buffer)
    program.dispose()
  })

  test('memory that is freed while it is used is not handed out before', async () => {
    const x = noise([1, 40, 40, 24], device())
    const program = await compile(network(device()), [x], { device: device() })
    const [want] = program.run(x)
    const expected = await bytesOf(want)
    const values = await x.data()
    const results: Promise<Buffer>[] = []
    for (let i = 0; i < 10; i++) {
      const copy = tensor(values, { shape: x.shape, device: device() })
      const [y] = program.run(copy)
      copy.dispose()
      noise([1, 40, 40, 24], device()).dispose()
      results.push(bytesOf(y))
      y.dispose()
    }
    expect((await Promise.all(results)).map((got) => got.equals(expected))).toEqual(results.map(() => true))
    program.dispose()
  })

  test('a buffer used after it was freed, of another device, or beyond its end', async () => {
    const other = await createCpuBackend({ threads: 1 })
    const buffer = device().alloc(16)
    expect(() => other.write(buffer, 0, new Uint8Array(1))).toThrow('belongs to another backend')
    expect(() => device().write(buffer, 10, new Uint8Array(7))).toThrow('bytes 10 … 17 lie outside a buffer of 16')
    device().free(buffer)
    expect(() => device().write(buffer, 0, new Uint8Array(1))).toThrow(DisposedError)
    expect(() => device().free(buffer)).toThrow(DisposedError)
    other.dispose()
  })

  test('more memory than there may be', async () => {
    const small = await createCpuBackend({ threads: 1, maxMemory: 2 ** 20 })
    expect(() => small.alloc(2 ** 21)).toThrow(/2097152 bytes do not fit.*maxMemory/)
    await expect(small.record({ inputs: [], outputs: [], constants: [], slots: [2 ** 19, 2 ** 22], steps: [] })).rejects.toThrow(
      /do not fit/,
    )
    expect(small.memory().buffers).toBe(0)
    small.dispose()
  })

  test('a program says how many buffers it wants', async () => {
    const recording = await device().record({ inputs: [4], outputs: [], constants: [], slots: [], steps: [] })
    expect(() => recording.run([], [])).toThrow('the program binds 1 inputs and 0 outputs, got 0 and 0')
    recording.dispose()
    expect(() => recording.run([], [])).toThrow(DisposedError)
  })

  test('a launch that its kernel cannot read is refused', () => {
    expect(() => device().run({ kernel: 'nonsense', params: {} }, [])).toThrow('no native kernel')
    expect(() => device().run({ kernel: 'cast', params: { from: 'f32' } }, [])).toThrow('end too early')
    expect(() => device().run({ kernel: 'cast', params: { from: 'f32', to: 'i32', length: 1, more: 2 } }, [])).toThrow(
      'more parameters',
    )
  })
})

describe.skipIf(!isCpuAvailable())('results', () => {
  test('are the same bits with one, two and five threads, and again', async () => {
    const all: string[][] = []
    for (const threads of [1, 2, 5, 5]) {
      const device = await createCpuBackend({ threads })
      all.push(await bits(device))
      device.dispose()
    }
    for (const one of all.slice(1)) expect(one).toEqual(all[0])
  })

  test('promises are rejected when the device is disposed before they are kept', async () => {
    const device = await createCpuBackend({ threads: 2 })
    const x = noise([1, 60, 60, 24], device)
    const program = await compile(network(device), [x], { device })
    for (let i = 0; i < 50; i++) program.run(x)
    const pending = device.done()
    device.dispose()
    await expect(pending).rejects.toThrow(DisposedError)
    expect(() => device.alloc(1)).toThrow(DisposedError)
    device.dispose()
  })
})

describe.skipIf(!isCpuAvailable())('options', () => {
  test('are checked', async () => {
    await expect(createCpuBackend({ threads: 0 })).rejects.toThrow('threads is 0; use a whole number from 1 to 256')
    await expect(createCpuBackend({ instructions: 'mmx' })).rejects.toThrow('does not run "mmx"; use one of')
    await expect(createCpuBackend({ maxMemory: 5 })).rejects.toThrow('maxMemory is 5 bytes')
  })

  test('the ceiling is a rate', () => {
    expect(measureCeiling(1).gflops).toBeGreaterThan(0.1)
  })
})

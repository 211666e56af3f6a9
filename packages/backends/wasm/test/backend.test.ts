import { type Backend, DeviceLostError, DisposedError, encode, type Launch, type ProgramSpec, viewBytes } from '@scanline/tensor'
import { describe, expect, test } from 'vitest'
import { createWasmBackend } from '../src/index.js'
import { eachBackend } from './backends.js'
import { callOf, noise } from './launch.js'

const chosen = (backend: Backend, ...call: Parameters<typeof callOf>): Launch => {
  const launch = backend.select(callOf(...call))
  if ('refused' in launch) throw new Error(launch.refused)
  return launch
}

const [rows, depth, columns] = [197, 96, 52]

/** Two layers, the second fed by the first's result in a slot: matmul, transposed copy, matmul. */
function twoLayers(backend: Backend) {
  const x = noise(rows * depth, 1)
  const weights = [noise(depth * columns, 2), noise(rows * columns, 3)]
  const data = (values: Float32Array) => ({ data: values, shape: [1] })
  const first = chosen(
    backend,
    'matmul',
    [
      { ...data(x), shape: [rows, depth] },
      { ...data(weights[0]), shape: [depth, columns] },
    ],
    [rows, columns],
  )
  const transpose = chosen(backend, 'copy', [{ ...data(x), shape: [columns, rows], strides: [1, columns] }], [columns, rows])
  const second = chosen(
    backend,
    'matmul',
    [
      { ...data(x), shape: [columns, rows] },
      { ...data(weights[1]), shape: [rows, columns] },
    ],
    [columns, columns],
  )
  const upload = (values: Float32Array) => {
    const buffer = backend.alloc(4 * values.length)
    backend.write(buffer, 0, encode('f32', values))
    return buffer
  }
  const packed = [first, second].map((launch, i) => {
    const [{ launch: pack, bytes }] = launch.prepare!
    const raw = upload(weights[i])
    const buffer = backend.alloc(bytes)
    backend.run(
      pack,
      [raw, buffer].map((b) => ({ buffer: b, offset: 0 })),
    )
    backend.free(raw)
    return buffer
  })
  const input = upload(x)
  const middle = 4 * rows * columns
  const program: ProgramSpec = {
    inputs: [4 * x.length],
    outputs: [4 * columns * columns],
    constants: packed,
    slots: [2 * middle],
    steps: [
      { launch: first, args: [ref('input', 0), ref('constant', 0), ref('slot', 0)] },
      { launch: transpose, args: [ref('slot', 0), ref('slot', 0, middle)] },
      { launch: second, args: [ref('slot', 0, middle), ref('constant', 1), ref('output', 0)] },
    ],
  }
  return { program, input, packed, steps: [first, transpose, second] }
}

const ref = (from: 'input' | 'output' | 'constant' | 'slot', index: number, offset = 0) => ({ from, index, offset })

async function replay(backend: Backend) {
  const { program, input, packed, steps } = twoLayers(backend)
  const bytes = 4 * columns * columns
  const [a, b] = [backend.alloc(4 * rows * columns), backend.alloc(4 * rows * columns)]
  const eager = backend.alloc(bytes)
  const at = (buffer: typeof eager) => ({ buffer, offset: 0 })
  backend.run(steps[0], [at(input), at(packed[0]), at(a)])
  backend.run(steps[1], [at(a), at(b)])
  backend.run(steps[2], [at(b), at(packed[1]), at(eager)])
  const recording = await backend.record(program)
  const recorded = backend.alloc(bytes + 64)
  recording.run([at(input)], [at(recorded)])
  const before = backend.memory()
  for (let i = 0; i < 20; i++) recording.run([at(input)], [{ buffer: recorded, offset: 64 }])
  expect(backend.memory()).toEqual(before)
  const result = { eager: await backend.read(eager, 0, bytes), recorded: await backend.read(recorded, 64, bytes) }
  recording.dispose()
  expect(() => recording.run([at(input)], [at(recorded)])).toThrow(DisposedError)
  for (const buffer of [a, b, eager, recorded, input, ...packed]) backend.free(buffer)
  return result
}

eachBackend('recording', (backend) => {
  test('gives the bits of eager launches, run after run, and leaves no memory behind', async () => {
    const before = backend().memory()
    const { eager, recorded } = await replay(backend())
    expect(viewBytes('f32', recorded)).toEqual(viewBytes('f32', eager))
    expect(recorded.some((byte) => byte !== 0)).toBe(true)
    expect({ ...backend().memory(), reserved: 0 }).toEqual({ ...before, reserved: 0 })
  })

  test('a program without steps, and one whose steps have no work', async () => {
    const nothing = { inputs: [], outputs: [], constants: [], slots: [] }
    const empty = await backend().record({ ...nothing, steps: [] })
    empty.run([], [])
    const copy = chosen(backend(), 'copy', [{ data: [], shape: [0, 3] }], [0, 3])
    const idle = await backend().record({
      ...nothing,
      slots: [0, 0],
      steps: [{ launch: copy, args: [ref('slot', 0), ref('slot', 1)] }],
    })
    idle.run([], [])
    empty.dispose()
    idle.dispose()
  })

  test('says how many buffers it wants', async () => {
    const recording = await backend().record({ inputs: [4], outputs: [], constants: [], slots: [], steps: [] })
    expect(() => recording.run([], [])).toThrow('the program binds 1 inputs and 0 outputs, got 0 and 0')
    recording.dispose()
  })
})

describe('threads', () => {
  test('one, two and three give the same bits', async () => {
    const results = []
    for (const threads of [1, 2, 3]) {
      const backend = await createWasmBackend({ threads })
      expect(backend.capabilities.threads).toBe(threads)
      results.push((await replay(backend)).recorded)
      backend.dispose()
    }
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  test('a launch is really split: a second thread writes its share', async () => {
    const backend = await createWasmBackend({ threads: 2 })
    const { steps } = twoLayers(backend)
    const { range, grain } = steps[0].params as { range: number; grain: number }
    expect(Math.floor(range / grain)).toBeGreaterThanOrEqual(2)
    // A share of thread 1 that leaves the memory kills that thread, and only that one.
    const broken = await lossOf(backend)
    expect(broken.message).toContain('worker thread')
    backend.dispose()
  })

  test('two devices live side by side', async () => {
    const [a, b] = await Promise.all([createWasmBackend({ threads: 2 }), createWasmBackend({ threads: 2 })])
    const first = await replay(a)
    const second = await replay(b)
    expect(second).toEqual(first)
    a.dispose()
    expect(await replay(b)).toEqual(first)
    b.dispose()
  })
})

/** Runs a product of two pairs of matrices, of which the second, thread 1's, lies outside the memory. */
async function lossOf(backend: Backend): Promise<Error> {
  const launch = chosen(
    backend,
    'matmul',
    [
      { data: [], shape: [2, 4, 4] },
      { data: [], shape: [2, 4, 4] },
    ],
    [2, 4, 4],
  )
  const params = launch.params as { strides: number[][] }
  const outside = {
    ...launch,
    params: { ...params, range: 2, grain: 1, chunk: 1, strides: [[2 ** 29], ...params.strides.slice(1)] },
  }
  const buffer = backend.alloc(4096)
  const binding = { buffer, offset: 0 }
  expect(() => backend.run(outside, [binding, binding, binding])).toThrow(DeviceLostError)
  return backend.lost
}

test('a recording that fails frees what it had allocated', async () => {
  const backend = await createWasmBackend({ threads: 1, maxMemory: 2 ** 20 })
  const before = backend.memory()
  const program: ProgramSpec = { inputs: [], outputs: [], constants: [], slots: [2 ** 18, 2 ** 30], steps: [] }
  await expect(backend.record(program)).rejects.toThrow(/1073741824 bytes do not fit.*Free tensors/)
  expect(backend.memory()).toEqual(before)
  backend.dispose()
})

describe('device loss', () => {
  test('a worker that crashes: the run throws, lost resolves, later calls throw', async () => {
    const backend = await createWasmBackend({ threads: 2 })
    const buffer = backend.alloc(16)
    const recording = await backend.record({ inputs: [], outputs: [], constants: [], slots: [], steps: [] })
    expect(await lossOf(backend)).toBeInstanceOf(DeviceLostError)
    expect(() => backend.alloc(1)).toThrow(DeviceLostError)
    expect(() => backend.write(buffer, 0, new Uint8Array(1))).toThrow(DeviceLostError)
    expect(() => recording.run([], [])).toThrow(DeviceLostError)
    await expect(backend.read(buffer, 0, 16)).rejects.toThrow(DeviceLostError)
    await expect(backend.done()).rejects.toThrow(DeviceLostError)
    backend.dispose()
  })

  test('on one thread too, after the memory has grown', async () => {
    const backend = await createWasmBackend({ threads: 1 })
    backend.free(backend.alloc(2 ** 26))
    expect((await lossOf(backend)).message).toContain('memory access out of bounds')
    backend.dispose()
  })
})

describe('use after the end', () => {
  test('of the device', async () => {
    const backend = await createWasmBackend({ threads: 2 })
    const buffer = backend.alloc(16)
    backend.dispose()
    expect(() => backend.alloc(1)).toThrow(DisposedError)
    await expect(backend.read(buffer, 0, 16)).rejects.toThrow(DisposedError)
    backend.free(buffer)
    backend.dispose()
  })

  test('of a buffer, and of another device', async () => {
    const [a, b] = [await createWasmBackend({ threads: 1 }), await createWasmBackend({ threads: 1 })]
    const buffer = a.alloc(16)
    expect(() => b.write(buffer, 0, new Uint8Array(1))).toThrow('belongs to another backend')
    expect(() => a.write(buffer, 10, new Uint8Array(7))).toThrow('bytes 10 … 17 lie outside a buffer of 16')
    a.free(buffer)
    expect(() => a.write(buffer, 0, new Uint8Array(1))).toThrow(DisposedError)
    expect(() => a.free(buffer)).toThrow(DisposedError)
    a.dispose()
    b.dispose()
  })
})

test('options are checked', async () => {
  await expect(createWasmBackend({ threads: 0 })).rejects.toThrow('threads is 0; use a whole number from 1 to 256')
  await expect(createWasmBackend({ maxMemory: 5 })).rejects.toThrow('maxMemory is 5 bytes')
})

test('an op without a kernel is refused by name', async () => {
  const backend = await createWasmBackend({ threads: 1 })
  expect(backend.select({ op: 'nonsense', inputs: [], outputs: [], attrs: {} })).toEqual({
    refused: 'the wasm backend has no kernel for nonsense',
  })
  backend.dispose()
})

import { type DType, encode, Generator, ReferenceBackend } from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LayerNorm, Linear, Module, StateDictError, type StateEntry } from '../src/index.js'

const device = new ReferenceBackend()

class Mlp extends Module {
  readonly fc1: Linear
  readonly norm: LayerNorm
  readonly fc2: Linear
  constructor(on = device) {
    super()
    const options = { device: on, generator: new Generator(1) }
    this.fc1 = new Linear(2, 3, options)
    this.norm = new LayerNorm(3, options)
    this.fc2 = new Linear(3, 2, options)
  }
}

const entry = (shape: number[], dtype: DType, values: readonly number[]): StateEntry => ({
  shape,
  dtype,
  read: async () => encode(dtype, values),
})
const good = (dtype: DType = 'f32'): Map<string, StateEntry> =>
  new Map(
    [...new Mlp().stateDict()].map(([name, t]) => [
      name,
      entry(
        [...t.shape],
        dtype,
        Array.from({ length: t.size }, (_, i) => i / 4),
      ),
    ]),
  )

test.each(['f64', 'f32', 'f16', 'bf16', 'i64'] as const)('%s entries become the type of the parameter', async (dtype) => {
  const model = new Mlp()
  const values = dtype === 'i64' ? [5, -2] : [0.25, -2]
  const source = good(dtype === 'i64' ? 'f32' : dtype).set('fc2.bias', entry([2], dtype, values))
  expect(await model.loadStateDict(source)).toEqual({ missing: [], unexpected: [] })
  expect(await model.fc2.bias!.data()).toEqual(Float32Array.from(values))
})

test('bytes at an odd address are read', async () => {
  const model = new Mlp()
  const bytes = new Uint8Array(9)
  bytes.set(encode('f32', [1.5, 2.5]), 1)
  await model.loadStateDict(good().set('fc2.bias', { shape: [2], dtype: 'f32', read: () => bytes.subarray(1) }))
  expect(await model.fc2.bias!.data()).toEqual(new Float32Array([1.5, 2.5]))
})

test('tensors of another device, and arrays', async () => {
  const other = new Mlp(new ReferenceBackend())
  const model = new Mlp()
  await model.loadStateDict(other.stateDict())
  expect(await model.fc1.weight.data()).toEqual(await other.fc1.weight.data())
  await model.loadStateDict([['fc2.bias', { shape: [2], data: [7, 8] }]], { strict: false })
  expect(await model.fc2.bias!.data()).toEqual(new Float32Array([7, 8]))
})

test('everything that does not fit is listed with the closest names, and nothing is written', async () => {
  const model = new Mlp()
  const before = await model.fc1.weight.data()
  const source = good()
  source.set('fc1.wieght', source.get('fc1.weight')!)
  source.delete('fc1.weight')
  source.set('fc2.weight', entry([2, 2], 'f32', [1, 2, 3, 4]))
  let reads = 0
  const counted = (e: StateEntry): StateEntry => ({
    ...e,
    read: () => {
      reads++
      return e.read()
    },
  })
  for (const [name, e] of source) source.set(name, counted(e))
  const error = (await model.loadStateDict(source).catch((e: unknown) => e)) as StateDictError
  expect(error).toBeInstanceOf(StateDictError)
  expect(error.code).toBe('STATE_DICT')
  expect(error.missing).toEqual(['fc1.weight'])
  expect(error.unexpected).toEqual(['fc1.wieght'])
  expect(error.mismatched).toEqual([{ name: 'fc2.weight', expected: [2, 3], found: [2, 2] }])
  expect(error.message).toBe(
    'the state dict does not fit Mlp: 1 missing: fc1.weight (the state dict has fc1.wieght); ' +
      '1 unexpected: fc1.wieght (the model has fc1.weight); 1 with another shape: fc2.weight is [2, 2] instead of [2, 3]; ' +
      'build the model with the configuration of this checkpoint',
  )
  expect(reads).toBe(0)
  expect(await model.fc1.weight.data()).toEqual(before)
})

test('long lists are cut', async () => {
  const strangers = Array.from({ length: 30 }, (_, i): [string, StateEntry] => [`other.${i}.gamma`, entry([1], 'f32', [1])])
  const error = (await new Mlp().loadStateDict([...good(), ...strangers]).catch((e: unknown) => e)) as StateDictError
  expect(error.unexpected.length).toBe(30)
  expect(error.message).toMatch(/30 unexpected: other\.0\.gamma.*, and 22 more/)
  expect(error.message).not.toMatch(/other\.8\.gamma/)
})

test('not strict: what fits is loaded and the rest reported; shapes are refused all the same', async () => {
  const model = new Mlp()
  const source = good().set('head.bias', entry([1], 'f32', [1]))
  source.delete('norm.bias')
  expect(await model.loadStateDict(source, { strict: false })).toEqual({ missing: ['norm.bias'], unexpected: ['head.bias'] })
  source.set('norm.weight', entry([4], 'f32', [1, 1, 1, 1]))
  await expect(model.loadStateDict(source, { strict: false })).rejects.toThrow(StateDictError)
})

test('types that no model has, short reads and names twice are told', async () => {
  const model = new Mlp()
  await expect(
    model.loadStateDict(good().set('fc2.bias', { shape: [2], dtype: 'c64', read: () => new Uint8Array(16) })),
  ).rejects.toThrow(/"fc2\.bias" is stored as c64/)
  await expect(
    model.loadStateDict(good().set('fc2.bias', { shape: [2], dtype: 'f32', read: () => new Uint8Array(7) })),
  ).rejects.toThrow(/takes 8 bytes, reading it gave 7/)
  await expect(model.loadStateDict([...good(), ...good()])).rejects.toThrow(/twice/)
})

test('one tensor is read at a time, in the order of the model, with progress', async () => {
  const model = new Mlp()
  let open = 0
  const source = new Map(
    [...good()].reverse().map(([name, e]): [string, StateEntry] => [
      name,
      {
        ...e,
        read: async () => {
          expect(++open).toBe(1)
          await new Promise((resolve) => setTimeout(resolve, 1))
          open--
          return e.read()
        },
      },
    ]),
  )
  const seen: string[] = []
  let last = 0
  await model.loadStateDict(source, {
    onProgress: ({ name, loaded, total }) => {
      seen.push(name)
      expect(total).toBe(model.parameterCount())
      last = loaded
    },
  })
  expect(seen).toEqual([...model.stateDict().keys()])
  expect(last).toBe(model.parameterCount())
})

test('any float values survive a round trip through every wide enough type', async () => {
  const model = new Mlp()
  const values = fc.array(fc.float({ noNaN: true }), { minLength: 2, maxLength: 2 })
  await fc.assert(
    fc.asyncProperty(values, fc.constantFrom('f32', 'f64'), async (pair, dtype) => {
      await model.loadStateDict([['fc2.bias', entry([2], dtype, pair)]], { strict: false })
      expect(await model.fc2.bias!.data()).toEqual(Float32Array.from(pair))
    }),
  )
})

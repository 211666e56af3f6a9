import {
  type Attrs,
  type Backend,
  builtinOps,
  bytesPerElement,
  contiguousStrides,
  type DType,
  decode,
  eachPosition,
  encode,
  ReferenceBackend,
  sizeOf,
  type TypedArray,
  type ValueSpec,
} from '@scanline/tensor'
import { afterAll, beforeAll, expect } from 'vitest'
import { createWasmBackend } from '../src/index.js'
import { callOf, type Input, launch } from './launch.js'

export interface Tolerance {
  /** Of the largest expected magnitude in the output. */
  readonly ofLargest?: number
  /** Of each expected value. */
  readonly relative?: number
  /** Of anything: what cancels in a sum leaves its rounding behind. */
  readonly absolute?: number
}

/** What the op's own definition gives, in doubles, from inputs rounded to their types. */
export async function expected(op: string, inputs: readonly Input[], attrs: Attrs, output: ValueSpec): Promise<Float64Array> {
  const reference = new ReferenceBackend()
  const call = callOf(op, inputs, output.shape, attrs, 'f64')
  const args = inputs.map((x) => {
    const bytes = encode(x.dtype ?? 'f32', x.data as readonly number[])
    const buffer = reference.alloc(bytes.length)
    reference.write(buffer, 0, bytes)
    return { buffer, offset: (x.offset ?? 0) * bytesPerElement[x.dtype ?? 'f32'] }
  })
  const bytes = 8 * sizeOf(output.shape)
  const buffer = reference.alloc(bytes)
  const chosen = reference.select(call)
  if ('refused' in chosen) throw new Error(chosen.refused)
  reference.run(chosen, [...args, { buffer, offset: 0 }])
  return new Float64Array((await reference.read(buffer, 0, bytes)).buffer)
}

/** Gives `check`, which runs an op with one thread and with two, wants equal bits, and compares with the reference. */
export function suite() {
  const backends: Backend[] = []
  beforeAll(async () => {
    for (const threads of [1, 2]) backends.push(await createWasmBackend({ threads }))
  })
  afterAll(() => {
    for (const backend of backends) backend.dispose()
  })

  const run = async (op: string, inputs: readonly Input[], attrs: Attrs = {}) => {
    const specs = inputs.map((x) => ({ shape: x.shape, dtype: x.dtype ?? ('f32' as const) }))
    const [output] = builtinOps.find(({ name }) => name === op)!.infer(specs, attrs)
    const [one, two] = await Promise.all(backends.map((b) => launch(b, op, inputs, output.shape, attrs, output.dtype)))
    expect(bitsOf(two).equals(bitsOf(one))).toBe(true)
    return { output, actual: one as TypedArray }
  }

  const check = async (op: string, inputs: readonly Input[], attrs: Attrs = {}, tolerance: Tolerance = {}) => {
    const { output, actual } = await run(op, inputs, attrs)
    const exact = await expected(op, inputs, attrs, output)
    expectClose(output.dtype, actual, exact, tolerance)
  }
  return { run, check, backends }
}

const bitsOf = (x: TypedArray) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)

function expectClose(
  dtype: DType,
  actual: TypedArray,
  exact: Float64Array,
  { ofLargest = 0, relative = 0, absolute = 0 }: Tolerance,
): void {
  const values = decode(dtype, new Uint8Array(actual.buffer, actual.byteOffset, actual.byteLength))
  expect(values.length).toBe(exact.length)
  const rounded = decode(dtype, encode(dtype, exact))
  const largest = exact.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0)
  for (let i = 0; i < exact.length; i++) {
    if (Object.is(values[i], rounded[i])) continue
    const allowed = absolute + ofLargest * largest + relative * Math.abs(exact[i])
    if (allowed > 0 && Math.abs(values[i] - exact[i]) <= allowed) continue
    throw new Error(`element ${i} is ${values[i]}, expected ${exact[i]} (± ${allowed})`)
  }
}

/** The same elements with a gap after each row, or with the axes stored in another order. */
export function strided(data: readonly number[] | Float32Array, shape: readonly number[], how: 'gaps' | 'permuted'): Input {
  const order = shape.map((_, i) => i)
  if (how === 'permuted') order.reverse()
  const stored = order.map((axis) => shape[axis] + (how === 'gaps' ? 3 : 0))
  const own = contiguousStrides(stored)
  const strides = shape.map((_, axis) => own[order.indexOf(axis)])
  const offset = how === 'gaps' ? own.reduce((n, s) => n + s, 0) : 0
  const storage = new Float32Array(sizeOf(stored)).fill(7777)
  eachPosition(shape, strides, (at, i) => {
    storage[offset + at] = data[i]
  })
  return { data: storage, shape, strides, offset }
}

/** Values that break careless arithmetic. */
export const awkward = [
  0,
  -0,
  1,
  -1,
  1e4,
  -1e4,
  1e-42,
  -1e-42,
  3.4e38,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  0.1,
  7,
]

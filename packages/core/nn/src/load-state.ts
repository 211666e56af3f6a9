import {
  ArgumentError,
  bytesPerElement,
  type DType,
  DTypeError,
  decode,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
  Tensor,
  type TypedArray,
  viewBytes,
} from '@scanline/tensor'
import { type ShapeMismatch, StateDictError } from './state-dict-error.js'

/** A tensor that is read when it is needed; the entries of `@scanline/checkpoint` are of this kind. */
export interface StateEntry {
  readonly shape: Shape
  /** A name of `DType`. */
  readonly dtype: string
  /** Row-major little-endian elements. */
  read(): Uint8Array | Promise<Uint8Array>
}

export type StateNumbers = TypedArray | readonly number[]

/** Numbers in row-major order. */
export interface StateArray {
  readonly shape: Shape
  readonly data: StateNumbers
}

export type StateValue = Tensor | StateEntry | StateArray

/** A `Map` or any other list of names and values. */
export type StateSource = Iterable<readonly [string, StateValue]>

export interface LoadOptions {
  /** False loads what fits and reports the rest; entries of another shape are refused all the same. */
  readonly strict?: boolean
  /** Called after each tensor, with numbers of elements. */
  readonly onProgress?: (progress: { readonly name: string; readonly loaded: number; readonly total: number }) => void
}

export interface LoadReport {
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
}

/** `Module.loadStateDict`: checks everything, then fills the tensors of `target` one after the other. */
export async function loadState(
  model: string,
  target: ReadonlyMap<string, Tensor>,
  source: StateSource,
  { strict = true, onProgress }: LoadOptions,
): Promise<LoadReport> {
  const given = new Map<string, StateValue>()
  for (const [name, value] of source) {
    if (given.has(name)) throw new ArgumentError(`the state dict for ${model} has "${name}" twice`)
    given.set(name, value)
  }
  const missing = [...target.keys()].filter((name) => !given.has(name))
  const unexpected = [...given.keys()].filter((name) => !target.has(name))
  const pairs: [string, Tensor, StateValue][] = []
  const mismatched: ShapeMismatch[] = []
  for (const [name, tensor] of target) {
    const value = given.get(name)
    if (value === undefined) continue
    if (!sameShape(tensor.shape, value.shape)) mismatched.push({ name, expected: tensor.shape, found: value.shape })
    pairs.push([name, tensor, value])
  }
  if (mismatched.length > 0 || (strict && missing.length + unexpected.length > 0))
    throw new StateDictError(model, { missing, unexpected, mismatched }, target.keys())
  for (const [name, , value] of pairs) if (!('data' in value)) storedType(name, value.dtype)

  const total = pairs.reduce((n, [, tensor]) => n + tensor.size, 0)
  let loaded = 0
  for (const [name, tensor, value] of pairs) {
    tensor.write(await readStateValue(name, value, tensor.dtype))
    loaded += tensor.size
    onProgress?.({ name, loaded, total })
  }
  return { missing, unexpected }
}

/**
 * The elements of a state-dict entry for a tensor of type `dtype`: as stored where the types are equal, else as numbers to
 * convert. Throws `DTypeError` for a type that no tensor has, `ArgumentError` for a wrong number of bytes.
 */
export async function readStateValue(name: string, value: StateValue, dtype: DType): Promise<StateNumbers> {
  const size = sizeOf(value.shape)
  if ('data' in value && !(value instanceof Tensor)) {
    if (value.data.length !== size)
      throw new ArgumentError(`"${name}" holds ${value.data.length} numbers, its shape ${formatShape(value.shape)} needs ${size}`)
    return value.data
  }
  const stored = storedType(name, value.dtype)
  const bytes = value instanceof Tensor ? bytesOf(await value.data()) : await value.read()
  const expected = size * bytesPerElement[stored]
  if (bytes.length !== expected)
    throw new ArgumentError(
      `"${name}": ${stored}${formatShape(value.shape)} takes ${expected} bytes, reading it gave ${bytes.length}; the file is damaged, fetch it again`,
    )
  return stored === dtype ? viewBytes(stored, bytes) : decode(stored, bytes)
}

function storedType(name: string, dtype: string): DType {
  if (Object.hasOwn(bytesPerElement, dtype)) return dtype as DType
  throw new DTypeError(
    `"${name}" is stored as ${dtype}; a model loads ${Object.keys(bytesPerElement).join(', ')}: convert the checkpoint first`,
  )
}

const bytesOf = (array: TypedArray): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

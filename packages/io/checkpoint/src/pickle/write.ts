import { byteLengthOf } from '../dtype.js'
import type { TensorData } from '../entry.js'
import { CheckpointError, shapeText } from '../errors.js'
import { rowMajorStride } from '../pytorch/views.js'
import { storageClassOf } from './globals.js'
import { Op } from './opcodes.js'
import { PyDict, PyTuple } from './values.js'

/** A dict that PyTorch gets as `collections.OrderedDict`, as its state dicts are. */
export class OrderedDict extends Map<string | number, PyWritable> {}

/**
 * What a PyTorch checkpoint can be written from. Numbers without a fraction become Python integers, others floats; Maps and plain
 * objects become dicts, {@link OrderedDict} an OrderedDict, arrays lists, {@link PyTuple} a tuple. What was read from a checkpoint
 * can be written as far as it consists of these.
 */
export type PyWritable =
  | null
  | boolean
  | number
  | bigint
  | string
  | TensorData
  | PyTuple
  | PyDict
  | readonly PyWritable[]
  | ReadonlyMap<string | number, PyWritable>
  | { readonly [key: string]: PyWritable }

/** Deeper values are taken for circular ones. */
const MAX_DEPTH = 100
const utf8 = new TextEncoder()

export interface WrittenPickle {
  readonly bytes: Uint8Array
  /** Tensors in the order of their storage keys 0, 1, ... A tensor that occurs twice has one storage. */
  readonly storages: readonly TensorData[]
}

/** Writes a protocol-2 pickle of spec/checkpoints 4. @throws CheckpointError InvalidValue, InvalidTensor */
export function pickle(value: PyWritable): WrittenPickle {
  const writer = new PickleWriter()
  writer.op(Op.PROTO, 2)
  writer.value(value, 'the checkpoint', 0)
  writer.op(Op.STOP)
  return { bytes: writer.bytes(), storages: [...writer.storages.keys()] }
}

const isTensor = (value: object): value is TensorData =>
  'dtype' in value && 'shape' in value && 'read' in value && typeof value.read === 'function'

class PickleWriter {
  readonly storages = new Map<TensorData, number>()
  private buffer = new Uint8Array(1 << 12)
  private length = 0

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length)
  }

  op(...bytes: number[]): void {
    this.put(bytes)
  }

  private put(bytes: ArrayLike<number>): void {
    if (this.length + bytes.length > this.buffer.length) {
      const grown = new Uint8Array(2 * (this.length + bytes.length))
      grown.set(this.buffer.subarray(0, this.length))
      this.buffer = grown
    }
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  value(value: unknown, path: string, depth: number): void {
    const refuse = (problem: string): never => {
      throw new CheckpointError(
        'InvalidValue',
        `${path} ${problem}; PyTorch checkpoints are written from text, numbers, booleans, null, lists, dicts and tensors`,
      )
    }
    if (depth > MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH}, or contains itself`)
    if (value === null) this.op(Op.NONE)
    else if (value === true) this.op(Op.NEWTRUE)
    else if (value === false) this.op(Op.NEWFALSE)
    else if (typeof value === 'string') this.text(value)
    else if (typeof value === 'number') this.number(value)
    else if (typeof value === 'bigint') this.integer(value)
    else if (typeof value !== 'object') refuse(`is of the type ${typeof value}`)
    else if (value instanceof PyTuple) this.tuple(value.items, path, depth)
    else if (Array.isArray(value)) this.list(value, path, depth)
    else if (value instanceof Map) {
      if (value instanceof OrderedDict || (value instanceof PyDict && value.type === 'OrderedDict')) this.orderedDict()
      else this.op(Op.EMPTY_DICT)
      this.items(value, path, depth)
    } else if (isTensor(value as object)) this.tensor(value as TensorData, path)
    else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
      this.op(Op.EMPTY_DICT)
      this.items(Object.entries(value as object), path, depth)
    } else refuse(`is an object of the class ${(value as object).constructor.name}`)
  }

  private items(pairs: Iterable<readonly [unknown, unknown]>, path: string, depth: number): void {
    const entries = [...pairs]
    if (entries.length === 0) return
    this.op(Op.MARK)
    for (const [key, value] of entries) {
      const plain = typeof key === 'string' || Number.isSafeInteger(key)
      if (!plain) throw new CheckpointError('InvalidValue', `${path} has the key ${String(key)}; keys are text or integers`)
      this.value(key, path, depth)
      this.value(value, `${path} > ${String(key)}`, depth + 1)
    }
    this.op(Op.SETITEMS)
  }

  private list(items: readonly unknown[], path: string, depth: number): void {
    this.op(Op.EMPTY_LIST)
    if (items.length === 0) return
    this.op(Op.MARK)
    for (const [i, item] of items.entries()) this.value(item, `${path} > ${i}`, depth + 1)
    this.op(Op.APPENDS)
  }

  private tuple(items: readonly unknown[], path: string, depth: number): void {
    if (items.length > 3) this.op(Op.MARK)
    for (const [i, item] of items.entries()) this.value(item, `${path} > ${i}`, depth + 1)
    this.op([Op.EMPTY_TUPLE, Op.TUPLE1, Op.TUPLE2, Op.TUPLE3][items.length] ?? Op.TUPLE)
  }

  private text(text: string): void {
    const bytes = utf8.encode(text)
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.length, true)
    this.op(Op.BINUNICODE, ...length)
    this.put(bytes)
  }

  private number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(BigInt(value))
    else {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setFloat64(0, value, false)
      this.op(Op.BINFLOAT, ...bytes)
    }
  }

  private integer(value: bigint): void {
    const bytes = (count: number) => Array.from({ length: count }, (_, i) => Number(BigInt.asUintN(8, value >> BigInt(8 * i))))
    if (value >= 0n && value < 1n << 8n) this.op(Op.BININT1, ...bytes(1))
    else if (value >= 0n && value < 1n << 16n) this.op(Op.BININT2, ...bytes(2))
    else if (BigInt.asIntN(32, value) === value) this.op(Op.BININT, ...bytes(4))
    else {
      let count = 5
      while (BigInt.asIntN(8 * count, value) !== value) count++
      if (count > 128) throw new CheckpointError('InvalidValue', 'an integer of more than 128 bytes')
      this.op(Op.LONG1, count, ...bytes(count))
    }
  }

  private global(module: string, name: string): void {
    this.op(Op.GLOBAL)
    this.put(utf8.encode(`${module}\n${name}\n`))
  }

  private orderedDict(): void {
    this.global('collections', 'OrderedDict')
    this.op(Op.EMPTY_TUPLE, Op.REDUCE)
  }

  private tensor(tensor: TensorData, path: string): void {
    const { dtype, shape } = tensor
    const storage = storageClassOf(dtype)
    const valid = shape.every((size) => Number.isSafeInteger(size) && size >= 0) && byteLengthOf(dtype, shape) !== undefined
    if (storage === undefined || !valid)
      throw new CheckpointError(
        'InvalidTensor',
        `${path}: ${storage ? `${dtype} cannot have the shape ${shapeText(shape)}` : `PyTorch has no storage class for ${dtype}; write safetensors instead`}`,
      )
    const key = this.storages.get(tensor) ?? this.storages.size
    this.storages.set(tensor, key)
    const elements = shape.reduce((product, size) => product * size, 1)
    this.global('torch._utils', '_rebuild_tensor_v2')
    this.op(Op.MARK, Op.MARK)
    this.text('storage')
    this.global('torch', storage)
    this.text(String(key))
    this.text('cpu')
    this.number(elements)
    this.op(Op.TUPLE, Op.BINPERSID)
    this.number(0)
    this.tuple(shape, path, 0)
    this.tuple(rowMajorStride(shape), path, 0)
    this.op(Op.NEWFALSE)
    this.orderedDict()
    this.op(Op.TUPLE, Op.REDUCE)
  }
}

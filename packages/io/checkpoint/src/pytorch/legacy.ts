import type { Checkpoint } from '../checkpoint.js'
import { bytesPerElement } from '../dtype.js'
import { CheckpointError, quote } from '../errors.js'
import { listTensors } from '../list.js'
import { Budget, MAX_PICKLE } from '../pickle/budget.js'
import { unpickle } from '../pickle/machine.js'
import { PyDict, PyTuple, type PyValue } from '../pickle/values.js'
import { type ByteSource, readExactly } from '../source.js'
import { type PytorchOptions, parseStorageId, wholeStorage } from './read.js'
import { PyStorage, type StorageBlock } from './tensor.js'

const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001

const broken = (problem: string): never => {
  throw new CheckpointError('InvalidLegacy', problem)
}

/** Opens a checkpoint from before PyTorch 1.6 (spec/checkpoints 3): five pickles, decoded and never executed, and raw storages behind them. */
export async function openLegacy(source: ByteSource, options: PytorchOptions = {}): Promise<Checkpoint> {
  const { object, keys, blocks, end } = await readPickles(source, options)
  if (!Array.isArray(keys)) return broken('the list of storages is missing')
  const missing = new Map(blocks)
  let at = end
  for (const key of keys) {
    const block = typeof key === 'string' ? missing.get(key) : undefined
    if (block === undefined)
      return broken(
        `the list of storages names ${quote(String(key))}, which ${blocks.has(String(key)) ? 'came before' : 'no tensor uses'}`,
      )
    missing.delete(block.key)
    const header = await readExactly(source, at, 8, `element count of storage ${quote(block.key)}`)
    const elements = new DataView(header.buffer, header.byteOffset, 8).getBigInt64(0, true)
    if (elements !== BigInt(block.elements))
      broken(`storage ${quote(block.key)} holds ${elements} elements, but its tensors expect ${block.elements}`)
    const start = at + 8
    const length = block.elements * (block.dtype ? bytesPerElement(block.dtype) : 1)
    if (!(length <= source.size - start))
      throw new CheckpointError(
        'Truncated',
        `storage ${quote(block.key)} needs ${length} bytes, but the file ends ${source.size - start} bytes on; fetch it again`,
      )
    block.read = (offset, size) => readExactly(source, start + offset, size, `storage ${quote(block.key)}`)
    at = start + length
  }
  for (const key of missing.keys()) broken(`the list of storages lacks ${quote(key)}`)
  return {
    format: 'pytorch-legacy',
    metadata: new Map(),
    tensors: listTensors(object),
    object,
    close: async () => source.close?.(),
  }
}

interface Pickles {
  object: PyValue
  keys: PyValue
  blocks: Map<string, StorageBlock>
  end: number
}

/** How long the pickles are is not written anywhere: a larger part of the file is tried when a pickle runs off the end of a smaller one. */
async function readPickles(source: ByteSource, options: PytorchOptions): Promise<Pickles> {
  for (let length = 1 << 18; ; length *= 8) {
    const part = Math.min(length, source.size, MAX_PICKLE)
    const bytes = await readExactly(source, 0, part, 'pickles')
    try {
      return parsePickles(bytes, options)
    } catch (error) {
      const cutOff = error instanceof CheckpointError && error.code === 'Truncated'
      if (!cutOff || part === source.size) throw error
      if (part === MAX_PICKLE)
        throw new CheckpointError('LimitExceeded', `the pickles take more than ${MAX_PICKLE} bytes`, { cause: error })
    }
  }
}

function parsePickles(bytes: Uint8Array, { unknownClasses = 'refuse' }: PytorchOptions): Pickles {
  const budget = new Budget()
  const blocks = new Map<string, StorageBlock>()
  let at = 0
  const next = (persistentLoad?: (id: PyValue) => PyValue): PyValue => {
    const { value, end } = unpickle(bytes, at, { budget, persistentLoad, unknownClasses })
    at = end
    return value
  }
  if (next() !== MAGIC)
    broken(
      'this pickle does not start with the magic number of PyTorch; it is no checkpoint, or one of another tool. Save the weights as safetensors',
    )
  const protocol = next()
  if (protocol !== PROTOCOL) broken(`protocol version ${String(protocol)}; ${PROTOCOL} is the only one there was`)
  const system = next()
  if (!(system instanceof PyDict) || system.get('little_endian') !== true)
    broken('it was written on a big-endian machine; load and save it with a newer PyTorch')
  const object = next((id) => legacyStorage(id, blocks))
  const keys = next()
  return { object, keys, blocks, end: at }
}

function legacyStorage(id: PyValue, blocks: Map<string, StorageBlock>): PyStorage {
  const { key, dtype, elements, view } = parseStorageId(id, 6)
  const read = () => broken(`storage ${quote(key)} was not found`)
  const root = wholeStorage(blocks, { key, dtype, elements, bigEndian: false, read })
  if (view === null) return root
  const [viewKey, offset, size] = view instanceof PyTuple && view.items.length === 3 ? view.items : []
  const valid = typeof viewKey === 'string' && [offset, size].every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  if (!valid || (offset as number) + (size as number) > elements)
    throw new CheckpointError('InvalidStorage', `a view of storage ${quote(key)} does not lie within its ${elements} elements`)
  return new PyStorage(root.block, offset as number, size as number)
}

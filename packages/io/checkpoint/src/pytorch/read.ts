import type { Checkpoint } from '../checkpoint.js'
import { bytesPerElement, type DType } from '../dtype.js'
import { CheckpointError, quote } from '../errors.js'
import { listTensors } from '../list.js'
import { Budget, MAX_PICKLE } from '../pickle/budget.js'
import { storageType } from '../pickle/globals.js'
import { unpickle } from '../pickle/machine.js'
import { kindOf, PyTuple, type PyValue } from '../pickle/values.js'
import type { ByteSource } from '../source.js'
import { readZip, type ZipEntry } from '../zip/read.js'
import { PyStorage, type StorageBlock } from './tensor.js'

export interface PytorchOptions {
  /**
   * `'refuse'` (the default) fails on any class that a checkpoint of weights has no need for. `'opaque'` reads objects of unknown
   * classes as {@link PyOpaque}; names that could run, load or reach anything are refused even then. Nothing is called in either case.
   */
  readonly unknownClasses?: 'refuse' | 'opaque'
}

/** Opens a PyTorch zip checkpoint (spec/checkpoints 2): reads its directory and its pickle, which is decoded and never executed. */
export async function openPytorch(source: ByteSource, options: PytorchOptions = {}): Promise<Checkpoint> {
  const entries = await readZip(source)
  const top = topFolder(entries)
  const pickle = entries.get(`${top}data.pkl`) as ZipEntry
  if (pickle.size > MAX_PICKLE)
    throw new CheckpointError('LimitExceeded', `data.pkl has ${pickle.size} bytes; the limit is ${MAX_PICKLE}`)
  const bigEndian = await readByteOrder(entries.get(`${top}byteorder`))
  const blocks = new Map<string, StorageBlock>()
  const persistentLoad = (id: PyValue): PyStorage => {
    const { key, dtype, elements } = parseStorageId(id, 5)
    const entry = entries.get(`${top}data/${key}`)
    if (entry === undefined)
      throw new CheckpointError('InvalidStorage', `the archive has no entry ${quote(`data/${key}`)}; the file is incomplete`)
    const bytes = BigInt(elements) * BigInt(dtype ? bytesPerElement(dtype) : 1)
    if (BigInt(entry.size) !== bytes)
      throw new CheckpointError(
        'InvalidStorage',
        `storage ${quote(key)} of ${elements} ${dtype ?? 'bytes'} takes ${bytes} bytes, but its entry has ${entry.size}`,
      )
    return wholeStorage(blocks, { key, dtype, elements, bigEndian, read: entry.read })
  }
  const bytes = await pickle.read(0, pickle.size)
  const object = unpickle(bytes, 0, {
    budget: new Budget(),
    persistentLoad,
    unknownClasses: options.unknownClasses ?? 'refuse',
  }).value
  return { format: 'pytorch', metadata: new Map(), tensors: listTensors(object), object, close: async () => source.close?.() }
}

/** Parts of a storage id: `("storage", class, key, location, elements)`, and a sixth in the legacy format. */
export function parseStorageId(
  id: PyValue,
  length: 5 | 6,
): { key: string; dtype: DType | undefined; elements: number; view: PyValue } {
  const items = id instanceof PyTuple ? id.items : []
  const [tag, type = null, key, location, elements, view = null] = items
  if (tag === 'module')
    throw new CheckpointError('InvalidStorage', 'the file holds the source code of a module; save its state_dict() instead')
  if (items.length !== length || tag !== 'storage' || typeof key !== 'string' || typeof location !== 'string')
    throw new CheckpointError(
      'InvalidStorage',
      `a persistent id must be a tuple of "storage" and ${length - 1} more, not ${kindOf(id)}`,
    )
  const dtype = storageType(type)
  if (dtype === null) throw new CheckpointError('InvalidStorage', `${kindOf(type)} is no class of storages`)
  if (!Number.isSafeInteger(elements) || (elements as number) < 0)
    throw new CheckpointError('InvalidStorage', `storage ${quote(key)} has ${elements} elements`)
  return { key, dtype, elements: elements as number, view }
}

/** The storage over all of `block`, or over the block that was seen before under its key, which must be the same. */
export function wholeStorage(blocks: Map<string, StorageBlock>, block: StorageBlock): PyStorage {
  const known = blocks.get(block.key) ?? block
  if (known.dtype !== block.dtype || known.elements !== block.elements)
    throw new CheckpointError(
      'InvalidStorage',
      `storage ${quote(block.key)} is described as ${known.elements} ${known.dtype} and as ${block.elements} ${block.dtype}`,
    )
  blocks.set(block.key, known)
  return new PyStorage(known, 0, known.elements)
}

function topFolder(entries: ReadonlyMap<string, ZipEntry>): string {
  const names = [...entries.keys()]
  const top = (names[0] ?? '').slice(0, (names[0] ?? '').indexOf('/') + 1)
  if (top.length > 1 && names.every((name) => name.startsWith(top))) {
    if (names.some((name) => name === `${top}constants.pkl` || name.startsWith(`${top}code/`)))
      throw new CheckpointError(
        'TorchScript',
        'this is a TorchScript archive, a program rather than a checkpoint; load it in PyTorch and save its state_dict()',
      )
    if (entries.has(`${top}data.pkl`) && names.filter((name) => name.endsWith('/data.pkl')).length === 1) return top
  }
  throw new CheckpointError(
    'InvalidArchive',
    `this zip archive is no PyTorch checkpoint: it needs one top folder and one data.pkl in it, and holds ${names.slice(0, 3).map(quote).join(', ') || 'nothing'}`,
  )
}

async function readByteOrder(entry: ZipEntry | undefined): Promise<boolean> {
  if (entry === undefined) return false
  const text = entry.size <= 16 ? new TextDecoder().decode(await entry.read(0, entry.size)).trim() : ''
  if (text !== 'little' && text !== 'big')
    throw new CheckpointError('InvalidArchive', `byteorder is ${quote(text)}; little and big are known`)
  return text === 'big'
}

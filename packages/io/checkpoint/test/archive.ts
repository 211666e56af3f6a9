import { bytesSource, openCheckpoint, type PytorchOptions } from '../src/index.js'
import { ZipWriter } from '../src/zip/write.js'

const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))

/** Bytes of a pickle from text of latin-1 characters, numbers and byte arrays. */
export const pickleBytes = (...parts: (string | number | ArrayLike<number>)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((p) => (typeof p === 'number' ? [p] : typeof p === 'string' ? [...latin1(p)] : Array.from(p))))

/** A zip archive of stored entries. */
export function zipOf(entries: Record<string, Uint8Array | string>): Uint8Array {
  const zip = new ZipWriter()
  const chunks = Object.entries(entries).flatMap(([name, data]) => [
    ...zip.entry(name, typeof data === 'string' ? latin1(data) : data),
  ])
  return new Uint8Array(Buffer.concat([...chunks, zip.end()]))
}

/** Opens a checkpoint with this pickle and these storages. */
export const openPickle = (pickle: Uint8Array, storages: Record<string, Uint8Array> = {}, options?: PytorchOptions) =>
  openCheckpoint(
    bytesSource(
      zipOf({
        'a/data.pkl': pickle,
        ...Object.fromEntries(Object.entries(storages).map(([key, data]) => [`a/data/${key}`, data])),
      }),
    ),
    options,
  )

/** Opcodes for text. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value)
  return pickleBytes('X', [bytes.length & 255, bytes.length >> 8, 0, 0], bytes)
}

/** Opcodes for an integer of up to 31 bits. */
export const int = (value: number): Uint8Array =>
  pickleBytes(
    'J',
    [0, 8, 16, 24].map((shift) => (value >> shift) & 255),
  )

export const tuple = (...items: Uint8Array[]): Uint8Array => pickleBytes('(', ...items, 't')

export const storage = (type: string, key: string, elements: number): Uint8Array =>
  pickleBytes(tuple(text('storage'), pickleBytes(`ctorch\n${type}\n`), text(key), text('cpu'), int(elements)), 'Q')

export const NO_HOOKS = pickleBytes('ccollections\nOrderedDict\n)R')

/** Opcodes for a tensor by `_rebuild_tensor_v2`. */
export const tensor = (store: Uint8Array, offset: number, shape: number[], stride: number[], ...more: Uint8Array[]): Uint8Array =>
  pickleBytes(
    'ctorch._utils\n_rebuild_tensor_v2\n',
    tuple(store, int(offset), tuple(...shape.map(int)), tuple(...stride.map(int)), pickleBytes(0x89), NO_HOOKS, ...more),
    'R',
  )

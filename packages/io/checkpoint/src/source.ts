import { CheckpointError } from './errors.js'

/** Random access to a file's bytes: the only thing a reader here needs to know about where a file is. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number
  /** Shown in errors. */
  readonly name?: string
  /** The bytes `[offset, offset + length)`; never written to by this package, so they may be a view of a cache. */
  read(offset: number, length: number): Promise<Uint8Array>
  close?(): Promise<void>
}

/** The part of a browser's `Blob` or `File` that is used here. */
export interface BlobLike {
  readonly size: number
  readonly name?: string
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> }
}

/** A file that is in memory already. Reads are views of it, without a copy. */
export function bytesSource(data: Uint8Array | ArrayBuffer, name?: string): ByteSource {
  const bytes = data instanceof Uint8Array ? new Uint8Array(data.buffer, data.byteOffset, data.length) : new Uint8Array(data)
  return { size: bytes.length, name, read: async (offset, length) => bytes.subarray(offset, offset + length) }
}

/** A `Blob`, or a `File` that a user chose: only what is asked for is read from disk. */
export function blobSource(blob: BlobLike): ByteSource {
  return {
    size: blob.size,
    name: blob.name,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  }
}

/** Reads exactly `length` bytes, or fails before asking for bytes that are not there. */
export async function readExactly(source: ByteSource, offset: number, length: number, what: string): Promise<Uint8Array> {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > source.size)
    throw new CheckpointError(
      'Truncated',
      `${what} needs bytes ${offset} to ${offset + length}, but the file has ${source.size}; it was cut off or damaged: fetch it again`,
    )
  let bytes: Uint8Array
  try {
    bytes = await source.read(offset, length)
  } catch (error) {
    if (error instanceof CheckpointError) throw error
    throw new CheckpointError(
      'FileAccess',
      `${what}: ${length} bytes at offset ${offset} could not be read (${error instanceof Error ? error.message : error})`,
      { cause: error },
    )
  }
  if (bytes.length !== length)
    throw new CheckpointError(
      'Truncated',
      `${what}: read ${bytes.length} of ${length} bytes at offset ${offset}; the file changed while it was read`,
    )
  return bytes
}

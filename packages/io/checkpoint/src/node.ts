/// <reference types="node" />
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Checkpoint } from './checkpoint.js'
import type { TensorData } from './entry.js'
import { CheckpointError } from './errors.js'
import { openCheckpoint } from './open.js'
import type { PyWritable } from './pickle/write.js'
import type { PytorchOptions } from './pytorch/read.js'
import { writePytorch } from './pytorch/write.js'
import { writeSafetensors } from './safetensors/write.js'
import { openSharded } from './sharded.js'
import type { ByteSource } from './source.js'

/** One read call takes at most 2^31 - 1 bytes. */
const MAX_READ = 1 << 30

/** Opens a file for random access. @throws CheckpointError FileAccess */
export async function openFile(path: string): Promise<ByteSource> {
  const failed = (cause: unknown) =>
    new CheckpointError('FileAccess', `${path}: cannot be read (${cause instanceof Error ? cause.message : cause})`, { cause })
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw failed(error)
  }
  const stat = await file.stat()
  if (!stat.isFile()) {
    await file.close()
    throw failed('it is no regular file')
  }
  const read = async (offset: number, length: number) => {
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, Math.min(length - filled, MAX_READ), offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }
  return { size: stat.size, name: path, read, close: () => file.close() }
}

/** Opens a checkpoint file of any known format, or the `.index.json` of one that is split; see {@link openCheckpoint}. */
export async function openCheckpointFile(path: string, options?: PytorchOptions): Promise<Checkpoint> {
  const source = await openFile(path)
  if (path.endsWith('.index.json')) return openSharded(source, (name) => openFile(join(dirname(path), name)))
  return openCheckpoint(source, options)
}

/** Writes a safetensors file, all or nothing; see {@link writeSafetensors} and {@link saveChunks}. */
export function saveSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: TensorData]>,
  metadata: Iterable<readonly [string, string]> | Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  return saveChunks(path, writeSafetensors(tensors, metadata))
}

/** Writes a PyTorch zip checkpoint, all or nothing; see {@link writePytorch} and {@link saveChunks}. */
export function savePytorch(path: string, value: PyWritable): Promise<void> {
  return saveChunks(path, writePytorch(value))
}

/**
 * Writes chunks to a file that appears under its name only when it is complete and on disk. When anything fails, what was there
 * before stays, and the temporary file beside it is removed.
 */
export async function saveChunks(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  let created = false
  try {
    const file = await open(temporary, 'wx')
    created = true
    try {
      await writeFile(file, chunks)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    if (created) await rm(temporary, { force: true })
    throw error instanceof CheckpointError
      ? error
      : new CheckpointError(
          'FileAccess',
          `${path}: cannot be written (${error instanceof Error ? error.message : error}); what was there before is unchanged`,
          { cause: error },
        )
  }
}

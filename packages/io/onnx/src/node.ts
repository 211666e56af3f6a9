/// <reference types="node" />
import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { OnnxModel } from './model.js'
import { byteLength, type Chunks, mostBytes, serialize } from './serialize.js'

export interface SaveOptions {
  /** A model of more bytes keeps its weights in a file beside it: 2 GiB, above which it must. */
  readonly largestFile?: number
}

/** What was written. */
export interface SavedOnnx {
  readonly path: string
  /** The file beside it that must go where it goes. */
  readonly data?: string
  /** Of all files together. */
  readonly bytes: number
}

/** Constants below this size stay in the model: readers want shapes and axes there. */
const smallest = 1024

/**
 * Writes a model to a file; above `largestFile` its weights to `<name>.data` beside it, which the model names. Files appear
 * when they are complete; what was there before is replaced. Rejects with the system's errors.
 *
 * @example
 * const { path, data } = await saveOnnx('model.onnx', await exportOnnx(model, inputs))
 */
export async function saveOnnx(
  path: string,
  model: OnnxModel,
  { largestFile = mostBytes }: SaveOptions = {},
): Promise<SavedOnnx> {
  const whole = serialize(model)
  const bytes = byteLength(whole.model)
  if (bytes <= Math.min(largestFile, mostBytes)) {
    await writeChunks(path, whole.model)
    return { path, bytes }
  }
  const location = `${basename(path)}.data`
  const data = join(dirname(path), location)
  const parts = serialize(model, { location, threshold: smallest })
  await writeChunks(data, parts.data)
  await writeChunks(path, parts.model)
  return { path, data, bytes: byteLength(parts.model) + byteLength(parts.data) }
}

async function writeChunks(path: string, chunks: Chunks): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`)
  try {
    const file = await open(partial, 'wx')
    try {
      for (const chunk of chunks) await file.writeFile(chunk)
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

import { createReadStream } from 'node:fs'
import { Failure } from './failure.js'
import { isUrl } from './inputs.js'

export interface ReadOptions {
  readonly signal: AbortSignal
  readonly offline: boolean
  readonly timeoutMs?: number
  readonly maxBytes?: number
}

/** No photograph comes near it; without a limit a wrong address or device file would fill the memory. */
const defaultMaxBytes = 256 * 2 ** 20
const defaultTimeoutMs = 30_000

/** The bytes of an image file or address. @throws {Failure} and the system's errors */
export async function readImage(file: string, options: ReadOptions): Promise<Uint8Array> {
  const { maxBytes = defaultMaxBytes } = options
  if (isUrl(file)) return download(file, maxBytes, options)
  return gather(createReadStream(file, { signal: options.signal }), maxBytes)
}

async function download(url: string, maxBytes: number, options: ReadOptions): Promise<Uint8Array> {
  const { signal, offline, timeoutMs = defaultTimeoutMs } = options
  if (offline) throw new Failure('not fetched: offline mode is on; download the image, or leave out --offline and HF_HUB_OFFLINE')
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, timeout]), headers: { accept: 'image/*' } })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Failure(`the server answered ${response.status} ${response.statusText}`.trimEnd())
    }
    return await gather(response.body, maxBytes)
  } catch (error) {
    if (timeout.aborted) throw new Failure(`not complete after ${timeoutMs / 1000} s; try again, or download it first`)
    // What Node's fetch says when a connection ends within the body.
    if (error instanceof TypeError && error.message === 'terminated')
      throw new Failure('the connection broke off; try again, or download it first')
    throw error
  }
}

/** All chunks as one array; stops reading, and so closes the source, as soon as there are too many. */
async function gather(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > maxBytes) throw new Failure(`larger than ${maxBytes / 2 ** 20} MiB, the limit for one image file`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

import { InconsistentError, NetworkError } from './errors.js'
import { type Client, connectionFailed, retrying, send, watchdog, withoutQuery } from './http.js'
import type { RemoteInfo } from './info.js'

export interface Progress {
  /** The reference, as {@link formatRef} writes it. */
  readonly file: string
  /** Bytes here so far, those of an earlier attempt included. */
  readonly received: number
  /** Bytes of the whole file; undefined when the server does not tell. */
  readonly total: number | undefined
}

/** Where the bytes go; it may already hold the beginning of the file. */
export interface Sink {
  readonly size: number
  append(chunk: Uint8Array): Promise<void>
  reset(): Promise<void>
}

/** Bytes that must have arrived since the last failure for the count of failures to start again. */
const progressBytes = 1 << 20

/** The server has another version now than the one that was asked about. */
export class ChangedError extends InconsistentError {}

/**
 * Brings `sink` to the whole file, continuing what it holds as often as the connection breaks.
 *
 * A range is asked for under `If-Range`, so that a changed file comes whole again. Where the SHA-256 is known the check at the end is stronger
 * than any tag, and `If-Range` is left out: a hub and the CDN behind it tag the same bytes differently.
 */
export async function download(
  client: Client,
  info: RemoteInfo,
  sink: Sink,
  { signal, onBytes }: { signal?: AbortSignal | undefined; onBytes: (received: number) => void },
): Promise<void> {
  let mark = sink.size
  const attempt = async () => {
    if (sink.size > (info.size ?? Number.POSITIVE_INFINITY) || (sink.size > 0 && !canResume(info))) await sink.reset()
    onBytes(sink.size)
    if (sink.size === info.size) return
    const guard = watchdog(client.timeoutMs, signal)
    try {
      await transfer(client, info, sink, guard, onBytes)
    } finally {
      guard.stop()
    }
  }
  await retrying(client, signal, attempt, () => {
    const progressed = sink.size - mark >= progressBytes
    if (progressed || sink.size < mark) mark = sink.size
    return progressed
  })
}

const canResume = (info: RemoteInfo) => info.sha256 !== undefined || info.validator !== undefined

async function transfer(
  client: Client,
  info: RemoteInfo,
  sink: Sink,
  guard: ReturnType<typeof watchdog>,
  onBytes: (received: number) => void,
) {
  const { url } = info
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (sink.size > 0) {
    headers['range'] = `bytes=${sink.size}-`
    if (info.sha256 === undefined && info.validator !== undefined) headers['if-range'] = info.validator
  }
  const response = await send(client, url, { headers, signal: guard.signal })
  const body = response.body
  try {
    await align(response, info, sink)
    if (body === null) return
    await pour(body, info, sink, guard, onBytes)
  } catch (error) {
    await body?.cancel().catch(() => {})
    throw error
  }
  if (info.size !== undefined && sink.size < info.size) {
    throw new NetworkError(`${withoutQuery(url)} ended after ${sink.size} of ${info.size} bytes`, url)
  }
}

/** Makes the sink end where the response begins. */
async function align(response: Response, info: RemoteInfo, sink: Sink) {
  const { headers, status, url = info.url } = response
  const shown = withoutQuery(info.url)
  if (status === 416) {
    const at = sink.size
    await sink.reset()
    throw new NetworkError(`${shown} does not have the range from byte ${at} on`, info.url, { status })
  }
  const tag = headers.get('etag')
  if (
    info.ref.kind === 'url' &&
    info.sha256 === undefined &&
    info.validator?.startsWith('"') &&
    tag !== null &&
    tag !== info.validator
  ) {
    throw new ChangedError(`${shown} changed while it was downloaded: tag ${tag} instead of ${info.validator}`, info.url)
  }
  if (status === 206) {
    const range = headers.get('content-range')?.match(/^bytes (\d+)-\d+\/(\d+|\*)$/)
    const [, start, whole = '*'] = range ?? []
    if (start === undefined ? sink.size + Number(headers.get('content-length')) === info.size : Number(start) === sink.size) {
      if (whole !== '*' && info.size !== undefined && Number(whole) !== info.size) throw contradiction(shown, info, Number(whole))
      return
    }
    await sink.reset()
    throw new NetworkError(`${shown} sent another range than asked for (${headers.get('content-range')})`, url, { status })
  }
  const length = headers.has('content-encoding') ? null : headers.get('content-length')
  if (length !== null && info.size !== undefined && Number(length) !== info.size) throw contradiction(shown, info, Number(length))
  if (sink.size > 0) await sink.reset()
}

async function pour(
  body: ReadableStream<Uint8Array>,
  info: RemoteInfo,
  sink: Sink,
  guard: ReturnType<typeof watchdog>,
  onBytes: (received: number) => void,
) {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw connectionFailed(error, info.url)
      })
      if (done) return
      if (info.size !== undefined && sink.size + value.length > info.size)
        throw contradiction(withoutQuery(info.url), info, sink.size + value.length)
      await sink.append(value)
      guard.touch()
      onBytes(sink.size)
    }
  } finally {
    reader.releaseLock()
  }
}

const contradiction = (shown: string, info: RemoteInfo, length: number) =>
  new ChangedError(`${shown} announced ${info.size} bytes and then sent ${length}`, info.url)

import { HttpError } from './errors.js'
import { type Client, retrying, send, watchdog } from './http.js'
import { downloadUrl, isCommit, type Ref } from './ref.js'

/** What the server says about a file before its bytes are asked for. */
export interface RemoteInfo {
  readonly ref: Ref
  /** Address of the bytes; names the commit where the server told it, so that a push in between changes nothing. */
  readonly url: string
  /** Bytes; absent when the server does not tell. */
  readonly size?: number
  /** SHA-256 in hexadecimal, known for the large files of a hub. */
  readonly sha256?: string
  /** Commit that the revision stands for at present. */
  readonly commit?: string
  /** Value for `If-Range`: a strong entity tag, or else the time of the last change. */
  readonly validator?: string
  /** Equal texts mean equal bytes: the hash of the content on a hub, else made from tag, date and length. */
  readonly version: string
}

const sha256Pattern = /^[0-9a-f]{64}$/
const gitBlobPattern = /^[0-9a-f]{40}$/

/** Asks for a file's size and version. @throws as {@link send}, after retries. */
export function remoteInfo(client: Client, ref: Ref, signal?: AbortSignal): Promise<RemoteInfo> {
  return retrying(client, signal, async () => {
    const guard = watchdog(client.timeoutMs, signal)
    try {
      const info = readInfo(ref, client.endpoint, await askHeaders(client, ref, guard.signal))
      const complete = info.sha256 !== undefined || ref.kind === 'url' || client.redirect === 'manual'
      return complete ? info : { ...info, ...(await askHub(client, ref, guard.signal)) }
    } finally {
      guard.stop()
    }
  })
}

/** The headers of the file itself, and of the hub's redirect to it, which win: a CDN's entity tag says nothing about the content. */
async function askHeaders(client: Client, ref: Ref, signal: AbortSignal): Promise<Headers> {
  const url = downloadUrl(ref, client.endpoint)
  const seen = new Headers()
  const keep = (headers: Headers) => {
    for (const name of ['x-repo-commit', 'x-linked-etag', 'x-linked-size']) {
      const value = headers.get(name)
      if (value !== null && !seen.has(name)) seen.set(name, value)
    }
    return seen.has('x-linked-etag') && seen.has('x-linked-size')
  }
  const options = { headers: { 'accept-encoding': 'identity' }, signal, ...(ref.kind === 'hub' && { onRedirect: keep }) }
  let response: Response
  try {
    response = await send(client, url, { ...options, method: 'HEAD' })
  } catch (error) {
    // Some servers, and links signed for GET alone, refuse HEAD.
    if (!(error instanceof HttpError) || ![403, 405, 501].includes(error.status)) throw error
    response = await send(client, url, { ...options, headers: { ...options.headers, range: 'bytes=0-0' } })
    await response.body?.cancel()
  }
  for (const [name, value] of response.headers) if (!seen.has(name)) seen.set(name, value)
  return seen
}

function readInfo(ref: Ref, endpoint: string, headers: Headers): RemoteInfo {
  const whole =
    headers.get('content-range')?.match(/\/(\d+)$/)?.[1] ?? (headers.has('content-range') ? null : headers.get('content-length'))
  const size = integer(headers.get('x-linked-size')) ?? (headers.has('content-encoding') ? undefined : integer(whole))
  const tag = headers.get('etag')
  const linked = ref.kind === 'hub' ? unquote(headers.get('x-linked-etag') ?? tag) : undefined
  const sha256 = linked !== undefined && sha256Pattern.test(linked) ? linked : undefined
  const sent = headers.get('x-repo-commit')
  const commit = ref.kind === 'hub' && sent !== null && isCommit(sent) ? sent : undefined
  const changed = headers.get('last-modified')
  const validator = (tag?.startsWith('W/') ? undefined : tag) ?? changed ?? undefined
  return {
    ref,
    url: downloadUrl(ref.kind === 'hub' && commit ? { ...ref, revision: commit } : ref, endpoint),
    version: sha256 ?? (linked && gitBlobPattern.test(linked) ? linked : versionOf(tag, changed, size)),
    ...(size !== undefined && { size }),
    ...(sha256 !== undefined && { sha256 }),
    ...(commit !== undefined && { commit }),
    ...(validator !== undefined && { validator }),
  }
}

/** Never the bare tag: a server could send the tag that is somebody's SHA-256. */
const versionOf = (tag: string | null, changed: string | null, size: number | undefined) =>
  tag ? `etag ${tag}` : changed ? `changed ${changed}, ${size} bytes` : `${size} bytes`

/** Where redirects are followed unseen, the hub's API tells what their headers would have. Mirrors without it leave the checksum unknown. */
async function askHub(client: Client, ref: Ref & { kind: 'hub' }, signal: AbortSignal): Promise<Partial<RemoteInfo>> {
  const url = `${client.endpoint}/api/models/${ref.repo}/paths-info/${encodeURIComponent(ref.revision)}`
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await send(client, url, { method: 'POST', headers, body: JSON.stringify({ paths: [ref.file] }), signal })
    const answer: unknown = await response.json()
    const entry = Array.isArray(answer)
      ? (answer as { path?: string; lfs?: { oid?: string; size?: number } }[]).find((at) => at.path === ref.file)
      : undefined
    const { oid, size } = entry?.lfs ?? {}
    if (oid === undefined || !sha256Pattern.test(oid)) return {}
    return { sha256: oid, version: oid, ...(Number.isSafeInteger(size) && { size: size as number }) }
  } catch (error) {
    if (error instanceof HttpError || error instanceof SyntaxError) return {}
    throw error
  }
}

const unquote = (tag: string | null) => tag?.replace(/^W\//, '').replace(/^"(.*)"$/s, '$1')

function integer(text: string | null | undefined): number | undefined {
  if (text == null || !/^\d+$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

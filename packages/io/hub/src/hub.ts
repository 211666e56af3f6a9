import { ChangedError, download, type Progress } from './download.js'
import { ChecksumError, HubError, InconsistentError, NetworkError, OfflineError } from './errors.js'
import type { Client } from './http.js'
import { type RemoteInfo, remoteInfo } from './info.js'
import { formatRef, isCommit, parseRef, type Ref } from './ref.js'
import type { HubFile, Store } from './store.js'

export interface HubOptions {
  /** Address of the hub or of a mirror. Default: `HF_ENDPOINT`, else https://huggingface.co. */
  readonly endpoint?: string
  /** Access token, sent to the endpoint's origin only; `false` for none. Default: `HF_TOKEN`, else the file that `hf auth login` writes. */
  readonly token?: string | false
  /** Use the cache and nothing else. Default: `HF_HUB_OFFLINE`. */
  readonly offline?: boolean
  /** Replaces the global `fetch`, for a proxy for instance. It must support `redirect: 'manual'` in Node. */
  readonly fetch?: typeof fetch
  /** How long a transfer may bring nothing before it is tried again, in milliseconds. Default 60 000. */
  readonly timeoutMs?: number
  /** Failures in a row before giving up, and the first wait, which doubles each time. Default 5 and 500 ms. */
  readonly retry?: { readonly attempts: number; readonly delayMs: number }
}

export interface FileOptions {
  /** Expected SHA-256, 64 hexadecimal digits. A cached copy that has it is used without asking the server. */
  readonly sha256?: string
  /** Called at the start, with what an earlier attempt left, and as bytes arrive; not called for a cached file. */
  readonly onProgress?: (progress: Progress) => void
  readonly signal?: AbortSignal
}

export interface Hub<F extends HubFile = HubFile> {
  /**
   * Brings a model file to this machine and returns it: from the cache when the copy there is the server's present version, is pinned by
   * commit or `sha256`, or the server cannot be reached; else by downloading, continuing what an interrupted call left.
   *
   * @param ref text for {@link parseRef}, or its result.
   * @throws {HubError} one of its subclasses; the signal's reason when cancelled.
   */
  file(ref: string | Ref, options?: FileOptions): Promise<F>
  /** Asks the server for size and version, without downloading. */
  info(ref: string | Ref, options?: { readonly signal?: AbortSignal }): Promise<RemoteInfo>
  /** What the cache holds for the reference; asks no server. */
  cached(ref: string | Ref): Promise<F | undefined>
}

export interface HubParts<F extends HubFile> {
  readonly client: Client
  readonly store: Store<F>
  readonly offline: boolean
}

/** Versions asked for before a server that keeps changing its mind is given up. */
const maxVersions = 3

/** The client itself, the same on every host; `createHub` gives it the host's storage. */
export function hubFrom<F extends HubFile>({ client, store, offline }: HubParts<F>): Hub<F> {
  const read = (ref: string | Ref) => (typeof ref === 'string' ? parseRef(ref, client.endpoint) : ref)

  async function file(input: string | Ref, { sha256, onProgress, signal }: FileOptions = {}): Promise<F> {
    const ref = read(input)
    const wanted = sha256 === undefined ? undefined : checkedDigest(sha256)
    signal?.throwIfAborted()
    const hit = await store.find(ref)
    if (hit && (wanted ? (await store.sha256(hit)) === wanted : ref.kind === 'hub' && isCommit(ref.revision))) return hit
    if (offline) {
      if (!hit) throw notCached(ref)
      if (!wanted) return hit
      throw new ChecksumError(
        `${formatRef(ref)}: the cached copy has another SHA-256, and offline mode is on`,
        wanted,
        await store.sha256(hit),
      )
    }
    for (let version = 1; ; version++) {
      try {
        const info = await newest(ref, hit !== undefined, signal)
        if (info === undefined) {
          if (!wanted) return hit!
          throw new NetworkError(
            `${formatRef(ref)}: the cached copy has another SHA-256, and the server cannot be reached`,
            client.endpoint,
          )
        }
        const expected = agreed(ref, wanted, info.sha256)
        const pinned = expected === undefined ? info : { ...info, sha256: expected, version: expected }
        return (await store.findVersion(pinned)) ?? (await fetchFile(pinned, onProgress, signal))
      } catch (error) {
        if (!(error instanceof ChangedError) || version === maxVersions) throw error
      }
    }
  }

  /** Undefined when there is a copy to fall back on and nobody answers; then one attempt is enough. */
  async function newest(ref: Ref, fallback: boolean, signal: AbortSignal | undefined): Promise<RemoteInfo | undefined> {
    if (!fallback) return remoteInfo(client, ref, signal)
    try {
      return await remoteInfo({ ...client, retry: { ...client.retry, attempts: 1 } }, ref, signal)
    } catch (error) {
      if (error instanceof NetworkError) return undefined
      throw error
    }
  }

  async function fetchFile(info: RemoteInfo, onProgress: FileOptions['onProgress'], signal: AbortSignal | undefined): Promise<F> {
    const part = await store.open(info)
    const name = formatRef(info.ref)
    const onBytes = (received: number) => onProgress?.({ file: name, received, total: info.size })
    try {
      await download(client, info, part, { signal, onBytes })
      const actual = info.sha256 === undefined ? undefined : await part.sha256()
      if (actual === info.sha256) return await part.commit()
      throw new ChecksumError(
        `${name}: the download has SHA-256 ${actual} instead of ${info.sha256}; it was discarded`,
        info.sha256!,
        actual!,
      )
    } catch (error) {
      const spoilt = error instanceof ChecksumError || error instanceof InconsistentError
      await (spoilt ? part.discard() : part.release())
      // What a crash left behind may be at fault, not the server.
      if (error instanceof ChecksumError && part.resumed) return fetchFile(info, onProgress, signal)
      throw error
    }
  }

  function notCached(ref: Ref) {
    const at = store.lookedAt(ref)
    return new OfflineError(`${formatRef(ref)} is not in the cache, and offline mode is on; looked at ${at}`, at)
  }

  return {
    file,
    async info(input, { signal } = {}) {
      const ref = read(input)
      if (offline)
        throw new OfflineError(
          `${formatRef(ref)}: its size is asked from the server, and offline mode is on`,
          store.lookedAt(ref),
        )
      return remoteInfo(client, ref, signal)
    },
    cached: (input) => new Promise((resolve) => resolve(store.find(read(input)))),
  }
}

function checkedDigest(sha256: string): string {
  const digest = sha256.toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new HubError(`sha256: expected 64 hexadecimal digits, got "${sha256}"`)
  return digest
}

function agreed(ref: Ref, wanted: string | undefined, offered: string | undefined): string | undefined {
  if (wanted === undefined || offered === undefined || wanted === offered) return wanted ?? offered
  const message = `${formatRef(ref)}: the server offers SHA-256 ${offered} instead of ${wanted}; nothing was downloaded. Pin the revision that has the expected file`
  throw new ChecksumError(message, wanted, offered)
}

/** Fills in what the caller left out. */
export function clientFrom(
  options: HubOptions,
  facts: { readonly endpoint: string; readonly token: Client['token']; readonly redirect: Client['redirect'] },
): Client {
  const endpoint = (options.endpoint ?? facts.endpoint).replace(/\/+$/, '')
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint))
    throw new HubError(`endpoint: expected an http(s) address, got "${endpoint}"`)
  const { token } = options
  return {
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
    endpoint,
    token: token === undefined ? facts.token : async () => token || undefined,
    redirect: facts.redirect,
    timeoutMs: options.timeoutMs ?? 60_000,
    retry: options.retry ?? { attempts: 5, delayMs: 500 },
  }
}

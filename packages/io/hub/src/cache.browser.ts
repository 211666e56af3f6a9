import type { RemoteInfo } from './info.js'
import { downloadUrl, type Ref } from './ref.js'
import type { HubFile, Part, Store } from './store.js'

const versionHeader = 'x-scanline-version'
const digestHeader = 'x-scanline-sha256'

/** Chunks are handed over to a Blob, which the browser may keep on disk, whenever this many bytes have gathered. */
const foldBytes = 8 << 20

interface CachedFile extends HubFile {
  readonly sha256: string | undefined
}

/**
 * The cache of a web page: one entry of Cache Storage for each file, under its address, and one for what an interrupted download left. Where the page has no Cache Storage
 * (not a secure context) or no room in it, files are still downloaded and returned, but not kept.
 */
export function browserStore(endpoint: string, cacheName: string): Store<CachedFile> {
  const keyOf = (ref: Ref) => downloadUrl(ref, endpoint)
  const partKey = (ref: Ref) => {
    const url = new URL(keyOf(ref))
    url.searchParams.set('scanline-part', '')
    return url.href
  }
  const storage = async () =>
    globalThis.caches === undefined ? undefined : await globalThis.caches.open(cacheName).catch(() => undefined)
  const load = async (key: string) => (await storage())?.match(key, { ignoreVary: true })
  const drop = async (key: string) => void (await (await storage())?.delete(key))

  async function keep(key: string, blob: Blob, version: string, sha256?: string) {
    const headers = {
      [versionHeader]: encodeURIComponent(version),
      'content-length': String(blob.size),
      ...(sha256 && { [digestHeader]: sha256 }),
    }
    await (await storage())?.put(key, new Response(blob, { headers })).catch(() => {})
  }

  async function find(ref: Ref, version?: string): Promise<CachedFile | undefined> {
    const response = await load(keyOf(ref))
    if (response === undefined || (version !== undefined && versionOf(response) !== version)) return undefined
    const blob = await response.blob()
    return { size: blob.size, fromCache: true, blob: async () => blob, sha256: response.headers.get(digestHeader) ?? undefined }
  }

  return {
    find: (ref) => find(ref),
    lookedAt: (ref) => `${keyOf(ref)} in the page's Cache Storage "${cacheName}"`,
    async findVersion(info) {
      const found = await find(info.ref, info.version)
      return found?.size === (info.size ?? found?.size) ? found : undefined
    },
    sha256: async (file) => file.sha256 ?? (await sha256OfBlob(await file.blob())),
    async open(info) {
      const left = await load(partKey(info.ref))
      const begun = left && versionOf(left) === info.version ? await left.blob() : undefined
      const save = (blob: Blob) => keep(partKey(info.ref), blob, info.version)
      return memoryPart(
        info,
        begun ?? new Blob(),
        save,
        () => drop(partKey(info.ref)),
        async (blob) => {
          await keep(keyOf(info.ref), blob, info.version, info.sha256)
          await drop(partKey(info.ref))
        },
      )
    },
  }
}

function memoryPart(
  info: RemoteInfo,
  begun: Blob,
  save: (blob: Blob) => Promise<void>,
  drop: () => Promise<void>,
  commit: (blob: Blob) => Promise<void>,
): Part<CachedFile> {
  let blob = begun
  let chunks: BlobPart[] = []
  let gathered = 0
  const fold = () => {
    if (chunks.length > 0) blob = new Blob([blob, ...chunks])
    chunks = []
    gathered = 0
    return blob
  }
  return {
    get size() {
      return blob.size + gathered
    },
    resumed: begun.size > 0,
    async append(chunk) {
      chunks.push(chunk as Uint8Array<ArrayBuffer>)
      gathered += chunk.length
      if (gathered >= foldBytes) fold()
    },
    async reset() {
      blob = new Blob()
      chunks = []
      gathered = 0
    },
    sha256: () => sha256OfBlob(fold()),
    async commit() {
      const whole = fold()
      await commit(whole)
      return { size: whole.size, fromCache: false, blob: async () => whole, sha256: info.sha256 }
    },
    release: async () => (fold().size > 0 ? save(blob) : undefined),
    discard: drop,
  }
}

const versionOf = (response: Response) => decodeURIComponent(response.headers.get(versionHeader) ?? '')

/** Web Crypto has no incremental digest, so the file is in memory once for this long. */
async function sha256OfBlob(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

import { createHash } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileSize, linkOrMove, onDisk, readText, replaceText, sha256OfFile, unlessMissing } from './disk.node.js'
import type { RemoteInfo } from './info.js'
import { openPart, uniqueName } from './part.node.js'
import { isCommit, type Ref } from './ref.js'
import type { HubFile, Part, Store } from './store.js'

/** A model file on the disk. */
export interface DiskFile extends HubFile {
  /** Absolute path, ending in the file's own name. */
  readonly path: string
}

const contentHash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const digest = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * The cache on disk, in Hugging Face's layout (https://huggingface.co/docs/hub/local-cache), so that files which its other clients brought are found:
 *
 *     models--org--name/blobs/<hash>                       the bytes, once
 *     models--org--name/snapshots/<commit>/<path>          a link to them
 *     models--org--name/refs/<revision>                    the commit it stood for
 *
 * A plain address has a folder of the same shape, with the blob's name in place of the commit and `latest` as the only revision.
 */
export function diskStore(hubDir: string, urlDir: string): Store<DiskFile> {
  const folderOf = (ref: Ref) =>
    ref.kind === 'hub' ? join(hubDir, `models--${ref.repo.replace('/', '--')}`) : join(urlDir, urlFolder(ref.url, ref.file))
  const refPath = (ref: Ref) => join(folderOf(ref), 'refs', ref.kind === 'hub' ? ref.revision : 'latest')

  function placeOf(info: RemoteInfo) {
    const folder = folderOf(info.ref)
    const blob = contentHash.test(info.version) ? info.version : digest(info.version).slice(0, 40)
    const commit = info.commit ?? blob
    return { blobs: join(folder, 'blobs'), blob, commit, snapshot: join(folder, 'snapshots', commit, info.ref.file) }
  }

  async function find(ref: Ref): Promise<DiskFile | undefined> {
    return onDisk(folderOf(ref), async () => {
      const commit = ref.kind === 'hub' && isCommit(ref.revision) ? ref.revision : await readText(refPath(ref))
      if (commit === undefined || !contentHash.test(commit)) return undefined
      const path = join(folderOf(ref), 'snapshots', commit, ref.file)
      const size = await fileSize(path)
      return size === undefined ? undefined : diskFile(path, size, true)
    })
  }

  async function publish(info: RemoteInfo, fromCache: boolean): Promise<DiskFile | undefined> {
    const { blobs, blob, commit, snapshot } = placeOf(info)
    const [stored, shown] = [await fileSize(join(blobs, blob)), await fileSize(snapshot)]
    const size = stored ?? shown
    if (size === undefined || size !== (info.size ?? size)) return undefined
    if (stored !== undefined && (await unlessMissing(realpath(snapshot))) !== (await realpath(join(blobs, blob)))) {
      await linkOrMove(join(blobs, blob), snapshot, uniqueName())
    }
    const pinned = info.ref.kind === 'hub' && isCommit(info.ref.revision)
    if (!pinned && (await readText(refPath(info.ref))) !== commit) await replaceText(refPath(info.ref), commit, uniqueName())
    return diskFile(snapshot, size, fromCache)
  }

  return {
    find,
    lookedAt: folderOf,
    findVersion: (info) => onDisk(folderOf(info.ref), () => publish(info, true)),
    async sha256({ path }) {
      const target = await realpath(path)
      const known = basename(dirname(target)) === 'blobs' && /^[0-9a-f]{64}$/.test(basename(target))
      return known ? basename(target) : sha256OfFile(target)
    },
    async open(info): Promise<Part<DiskFile>> {
      const { blobs, blob } = placeOf(info)
      const part = await openPart(blobs, blob, info.size, info.ref.kind === 'url')
      return {
        get size() {
          return part.size
        },
        resumed: part.resumed,
        append: (chunk) => part.append(chunk),
        reset: () => part.reset(),
        sha256: () => part.sha256(),
        release: () => part.release(),
        discard: () => part.discard(),
        async commit() {
          await part.commit()
          return (await onDisk(folderOf(info.ref), () => publish({ ...info, size: part.size }, false)))!
        },
      }
    },
  }
}

const diskFile = (path: string, size: number, fromCache: boolean): DiskFile => ({
  path,
  size,
  fromCache,
  blob: () => openAsBlob(path),
})

/** Readable for a person, and unlike that of any other address. */
function urlFolder(url: string, file: string): string {
  const host = new URL(url).host.replace(/[^A-Za-z0-9.-]/g, '_')
  return `${host.slice(0, 80)}--${file.slice(0, 80)}--${digest(url).slice(0, 12)}`
}

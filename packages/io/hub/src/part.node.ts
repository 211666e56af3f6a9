import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { onDisk, requireRoom, sha256OfFile, unlessMissing } from './disk.node.js'

/**
 * Parts lie beside the file they become: `<blob>.<host>-<pid>-<random>.part` while a process writes one, `<blob>.free-<random>.part` after a failure.
 * A rename claims one, which succeeds for one process only, so that two processes never write the same part and nobody waits for a lock.
 */
const partName = /^([0-9a-f]{40,64})\.(?:free|([0-9a-f]{8})-(\d+))-[0-9a-f]{8}\.part$/

/** After this long without a byte a writer on another machine, or one whose process id was given anew, counts as gone. */
const abandonedMs = 3_600_000

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

export const uniqueName = () => randomBytes(4).toString('hex')

/** Claims the longest part that was left for `blob`, or starts a new one. */
export async function openPart(folder: string, blob: string, size: number | undefined, only: boolean) {
  const path = join(folder, `${blob}.${host}-${process.pid}-${uniqueName()}.part`)
  return onDisk(folder, async () => {
    await mkdir(folder, { recursive: true })
    const left = await abandoned(folder)
    if (only) for (const part of left) if (part.blob !== blob) await rm(part.path, { force: true })
    const usable = left
      .filter((part) => part.blob === blob && part.size <= (size ?? Number.POSITIVE_INFINITY))
      .sort((a, b) => b.size - a.size)
    let claimed = 0
    for (const part of usable) {
      if ((await unlessMissing(rename(part.path, path).then(() => true))) !== true) continue
      claimed = part.size
      break
    }
    if (size !== undefined) await requireRoom(folder, size - claimed)
    const handle = await open(path, claimed > 0 ? 'r+' : 'w+')
    return new FilePart(path, join(folder, blob), handle, (await handle.stat()).size)
  })
}

async function abandoned(folder: string) {
  const found: { path: string; blob: string; size: number }[] = []
  for (const name of await readdir(folder)) {
    const [, blob, owner, pid] = partName.exec(name) ?? []
    if (blob === undefined) continue
    const path = join(folder, name)
    const at = await unlessMissing(stat(path))
    if (at === undefined) continue
    const gone = owner === undefined || (owner === host && !isAlive(Number(pid))) || Date.now() - at.mtimeMs > abandonedMs
    if (gone) found.push({ path, blob, size: at.size })
  }
  return found
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

export class FilePart {
  readonly resumed: boolean
  readonly path: string
  readonly #target: string
  readonly #handle: FileHandle
  #size: number

  constructor(path: string, target: string, handle: FileHandle, size: number) {
    this.path = path
    this.#target = target
    this.#handle = handle
    this.#size = size
    this.resumed = size > 0
  }

  get size() {
    return this.#size
  }

  append(chunk: Uint8Array): Promise<void> {
    return onDisk(this.path, async () => {
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.#size)
        done += bytesWritten
        this.#size += bytesWritten
      }
    })
  }

  reset(): Promise<void> {
    this.#size = 0
    return onDisk(this.path, () => this.#handle.truncate(0))
  }

  sha256(): Promise<string> {
    return onDisk(this.path, () => sha256OfFile(this.path))
  }

  /** The data is on the disk before the name is, so that a power cut cannot leave a named file without content. */
  commit(): Promise<void> {
    return onDisk(this.#target, async () => {
      await this.#handle.sync()
      await this.#handle.close()
      await rename(this.path, this.#target)
    })
  }

  async release(): Promise<void> {
    if (this.#size === 0) return this.discard()
    await this.#handle.close()
    await unlessMissing(rename(this.path, `${this.#target}.free-${uniqueName()}.part`))
  }

  async discard(): Promise<void> {
    await this.#handle.close()
    await rm(this.path, { force: true })
  }
}

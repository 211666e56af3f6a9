import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, stat, statfs, symlink, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { CacheError } from './errors.js'

export const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : undefined)

/** Runs file-system work; its failures become {@link CacheError}s that say what to do. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = codeOf(error)
    if (error instanceof CacheError || code === undefined) throw error
    throw new CacheError(`cannot use the cache at ${path}: ${code}, ${remedy(code)}`, path, error)
  }
}

function remedy(code: string): string {
  const elsewhere = 'or point SCANLINE_CACHE (or the cacheDir option) to another folder'
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code))
    return `no room for the file; free some space, ${elsewhere}; what has arrived is kept and continued`
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) return `not writable; change its permissions, ${elsewhere}`
  if (['ENOTDIR', 'EEXIST', 'EISDIR'].includes(code)) return `something else is in the way there; remove it, ${elsewhere}`
  return `check that folder, ${elsewhere}`
}

/** Undefined where there is no such regular file. */
export async function fileSize(path: string): Promise<number | undefined> {
  const found = await unlessMissing(stat(path))
  return found?.isFile() ? found.size : undefined
}

export async function readText(path: string): Promise<string | undefined> {
  return (await unlessMissing(readFile(path, 'utf8')))?.trim()
}

export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/** Readers see the old text or the new one, never a part. */
export async function replaceText(path: string, text: string, unique: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${unique}.tmp`
  await writeFile(temporary, text)
  await rename(temporary, path)
}

/** Makes `path` show `target`; where the system has no symbolic links the file itself moves there. */
export async function linkOrMove(target: string, path: string, unique: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${unique}.tmp`
  try {
    await symlink(relative(dirname(path), target), temporary)
  } catch (error) {
    if (!['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(codeOf(error) ?? '')) throw error
    return rename(target, path)
  }
  await rename(temporary, path)
}

/** Refuses early what cannot fit. Some network file systems report no blocks at all; those are believed to have room. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(folder)
  if (blocks === 0 || bavail * bsize >= bytes) return
  const [need, free] = [bytes, bavail * bsize].map((n) => `${Math.ceil(n / 1e6)} MB`)
  throw new CacheError(`${need} more are needed in ${folder}, and ${free} are free; ENOSPC, ${remedy('ENOSPC')}`, folder)
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex')
}

import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** Writes a file that is either whole or not there, whenever the process ends. */
export function writeWhole(folder: string, path: string, content: Uint8Array | string): void {
  const target = join(folder, path)
  const temporary = `${target}.part-${process.pid}`
  mkdirSync(dirname(target), { recursive: true })
  try {
    writeFileSync(temporary, content)
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** One hash of many files: of their own hashes and paths, in the order of the paths. */
export function hashOf(files: Readonly<Record<string, string>>): string {
  const lines = Object.keys(files)
    .sort()
    .map((path) => `${files[path]}  ${path}\n`)
  return sha256(lines.join(''))
}

import { type Dirent, existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { compareNatural } from '@scanline/datasets'
import { explain } from './failure.js'

/** One image to classify, or why there is none. */
export interface Input {
  /** A path or an address, as the user would write it. */
  readonly file: string
  readonly error?: string
}

/** What is picked up from folders: the formats that can be decoded. A file named by the user is tried whatever its name. */
const extensions = /\.(jpe?g|png|webp|bmp|p[bgnp]m)$/i

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text)

/** Files and addresses as given; folders as all images below them, in natural order. Never rejects: what is wrong becomes an input too. */
export async function collectInputs(names: readonly string[]): Promise<Input[]> {
  const found: Input[] = []
  for (const name of names) {
    try {
      if (isUrl(name)) found.push({ file: name })
      else if ((await stat(name)).isDirectory()) found.push(...(await imagesBelow(name)))
      else found.push({ file: name })
    } catch (error) {
      found.push({ file: name, error: existsSync(name) ? explain(error) : missing(name) })
    }
  }
  return found
}

const missing = (name: string): string =>
  /^[a-z][a-z0-9+.-]+:\/\//i.test(name)
    ? 'only http:// and https:// addresses can be read; download it, or give its path'
    : 'no such file or folder'

async function imagesBelow(folder: string): Promise<Input[]> {
  const files: string[] = []
  // Links to folders are not followed: they may lead in a circle.
  const visit = async (path: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const child = join(path, entry.name)
      if (entry.isDirectory()) await visit(child)
      else if (extensions.test(entry.name) && (await isFile(entry, child))) files.push(child)
    }
  }
  await visit(folder)
  if (files.length === 0) return [{ file: folder, error: 'no images in this folder (.jpg .jpeg .png .webp .bmp .ppm .pgm .pbm)' }]
  return files.sort(compareNatural).map((file) => ({ file }))
}

async function isFile(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile()
  // A dangling link counts, so that reading it reports it.
  return stat(path).then(
    (target) => target.isFile(),
    () => true,
  )
}

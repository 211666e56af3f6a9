import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseClassMap } from './class-map.js'
import { DatasetError, listed } from './errors.js'
import { EXTENSIONS, type FolderIndex, type FolderListing, type IndexOptions, indexFolder } from './index-folder.js'
import { compareCodePoints } from './order.js'
import { findSplit } from './split.js'

export interface OpenOptions extends Omit<IndexOptions, 'classMap'> {
  /** Looks for a sub-folder of this name or a synonym of it (`train`, `validation`); else the folder itself is taken. */
  readonly split?: string
  /** Class names by index, or the path of a text file with one a line. */
  readonly classMap?: readonly string[] | string
  /** What a class without images is. Default: an error for `torchvision`, as published, and allowed for `timm`. */
  readonly emptyClasses?: 'error' | 'allow'
}

/** A folder of images by class. */
export interface ImageFolder extends FolderIndex {
  /** What the samples' paths are below of. */
  readonly root: string
}

/**
 * Reads the names below a folder and sorts them into classes; links are followed. No image is opened.
 *
 * @throws DatasetError `unreadable` for folders that cannot be read, `empty` when there is no image, `empty-class`,
 * `labels` for a class map that does not fit.
 * @example
 * const folder = await openImageFolder('imagenet', { split: 'train' })
 * console.log(`${folder.samples.length} images of ${folder.classes.length} classes`)
 */
export async function openImageFolder(folder: string, options: OpenOptions = {}): Promise<ImageFolder> {
  const { split, classMap, emptyClasses, ...index } = options
  const reader = options.reader ?? 'timm'
  const root = split === undefined ? folder : join(folder, findSplit(await foldersIn(folder), split) ?? '')
  const names = typeof classMap === 'string' ? parseClassMap(await readText(classMap)) : classMap
  const listing = await list(root)
  const found = indexFolder(listing, { ...index, ...(names && { classMap: names }) })
  const { samples, classes } = found
  if (samples.length === 0) {
    const others = listing.files.length > 0 ? ` It holds ${listed(listing.files)}.` : ' It is empty.'
    throw new DatasetError(
      'empty',
      `${JSON.stringify(root)} holds no image in a folder of a class.${others} Put each class's images (${EXTENSIONS[reader].join(' ')}) into a folder of its own.`,
    )
  }
  const strict = (emptyClasses ?? (reader === 'torchvision' ? 'error' : 'allow')) === 'error'
  // timm takes a folder without images for no class, so there the folders themselves are looked at.
  const empty = strict && !names && reader === 'timm' ? foldersWithoutFiles(listing) : found.emptyClasses
  if (strict && empty.length > 0)
    throw new DatasetError(
      'empty-class',
      `${empty.length} of ${classes.length} classes in ${JSON.stringify(root)} have no image: ${listed(empty)}. Add images (${EXTENSIONS[reader].join(' ')}) or remove the folders.`,
    )
  return { root, ...found }
}

/**
 * Checks that labels fit a model before its first step.
 *
 * @throws DatasetError `labels`
 */
export function checkClassCount({ classes, root }: ImageFolder, numClasses: number): void {
  if (classes.length !== numClasses)
    throw new DatasetError(
      'labels',
      `${JSON.stringify(root)} has ${classes.length} classes (${listed(classes)}), but the model has ${numClasses} outputs. Give the model ${classes.length} classes, or a class map of ${numClasses} lines.`,
    )
}

/**
 * Checks that the same label means the same class in both folders.
 *
 * @throws DatasetError `labels`
 */
export function checkSameClasses(train: ImageFolder, validation: ImageFolder): void {
  const only = (a: ImageFolder, b: ImageFolder) => a.classes.filter((name) => !b.classes.includes(name))
  const [missing, extra] = [only(train, validation), only(validation, train)]
  const same = train.classes.length === validation.classes.length && train.classes.every((c, i) => c === validation.classes[i])
  if (same) return
  const what = [
    missing.length > 0 && `${listed(missing)} only in ${JSON.stringify(train.root)}`,
    extra.length > 0 && `${listed(extra)} only in ${JSON.stringify(validation.root)}`,
    missing.length + extra.length === 0 && 'the same names in another order',
  ].filter(Boolean)
  throw new DatasetError(
    'labels',
    `The classes of the two folders differ: ${what.join('; ')}. Give both the same class map, or the same class folders.`,
  )
}

function foldersWithoutFiles({ files, folders }: FolderListing): string[] {
  return folders.filter((folder) => !files.some((file) => file.startsWith(`${folder}/`)))
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await read(folder)
  const kinds = await Promise.all(
    entries.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.isDirectory()),
  )
  return entries.filter((_, i) => kinds[i])
}

async function list(root: string): Promise<FolderListing> {
  const files: string[] = []
  const folders: string[] = []
  // A link to a folder above would never end.
  const walk = async (below: string, above: readonly string[]): Promise<void> => {
    const here = await realpath(join(root, below)).catch((error: Error) => unreadable(join(root, below), error))
    if (above.includes(here)) return
    const entries = (await read(join(root, below), true)).sort((a, b) => compareCodePoints(a.name, b.name))
    for (const entry of entries) {
      const path = below ? `${below}/${entry.name}` : entry.name
      const folder = entry.isSymbolicLink()
        ? (await stat(join(root, path)).catch(() => undefined))?.isDirectory()
        : entry.isDirectory()
      if (!folder) {
        files.push(path)
        continue
      }
      folders.push(path)
      await walk(path, [...above, here])
    }
  }
  await walk('', [])
  return { files, folders }
}

async function read(folder: string): Promise<string[]>
async function read(folder: string, types: true): Promise<import('node:fs').Dirent[]>
async function read(folder: string, types = false): Promise<(string | import('node:fs').Dirent)[]> {
  const entries = types ? readdir(folder, { withFileTypes: true }) : readdir(folder)
  return (entries as Promise<(string | import('node:fs').Dirent)[]>).catch((error: Error) => unreadable(folder, error))
}

const readText = (path: string): Promise<string> => readFile(path, 'utf8').catch((error: Error) => unreadable(path, error))

function unreadable(path: string, cause: Error): never {
  throw new DatasetError(
    'unreadable',
    `${JSON.stringify(path)} cannot be read (${cause.message}). Check the path and its permissions.`,
    {
      cause,
    },
  )
}

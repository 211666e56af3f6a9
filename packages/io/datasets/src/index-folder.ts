import { DatasetError, listed } from './errors.js'
import { compareCodePoints, compareNatural } from './order.js'

/** Whose rules decide classes and their order: timm's folder reader, or torchvision's ImageFolder. */
export type FolderReader = 'timm' | 'torchvision'

/** What a folder holds, as paths below it with `/` between their parts. */
export interface FolderListing {
  readonly files: readonly string[]
  /** Every folder, also those without files. */
  readonly folders: readonly string[]
}

export interface IndexOptions {
  /** Default `timm` (MambaOut, MambaVision); Vim and EfficientViM use `torchvision`. */
  readonly reader?: FolderReader
  /** Class names by index; files of other classes are left out. Default: the folders' names in order. */
  readonly classMap?: readonly string[]
  /** `timm` only: a class is the whole path of a folder, joined by `_`, instead of its last part. */
  readonly fullPathLabels?: boolean
}

export interface Sample {
  /** Below the folder. */
  readonly path: string
  readonly label: number
}

export interface FolderIndex {
  /** Names by label. */
  readonly classes: readonly string[]
  readonly samples: readonly Sample[]
  /** Classes without an image. */
  readonly emptyClasses: readonly string[]
}

/** Extensions that are accepted, in any case. */
export const EXTENSIONS: Readonly<Record<FolderReader, readonly string[]>> = {
  timm: ['.png', '.jpg', '.jpeg'],
  torchvision: ['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp'],
}

/**
 * Classes and samples of a folder, in the order of the published trainers. Specification: preprocessing 7.
 *
 * @throws DatasetError `labels` when no file belongs to a class of the class map.
 * @example
 * indexFolder({ files: ['n9/a.png', 'n10/b.png'], folders: ['n9', 'n10'] }).classes // ['n9', 'n10']
 */
export function indexFolder(listing: FolderListing, { reader = 'timm', ...options }: IndexOptions = {}): FolderIndex {
  const found = reader === 'timm' ? findTimm(listing, options.fullPathLabels ?? false) : findTorchvision(listing)
  const classes = options.classMap ?? found.classes
  const labels = new Map(classes.map((name, label) => [name, label]))
  const samples = found.samples.flatMap(({ path, className }) => {
    const label = labels.get(className)
    return label === undefined ? [] : [{ path, label }]
  })
  if (options.classMap && samples.length === 0 && found.samples.length > 0)
    throw new DatasetError(
      'labels',
      `The class map knows none of the classes ${listed(found.classes)}. Its lines (${listed(classes)}) must be names of folders.`,
    )
  const used = new Set(samples.map(({ label }) => label))
  return { classes, samples, emptyClasses: classes.filter((_, label) => !used.has(label)) }
}

interface Found {
  readonly classes: readonly string[]
  readonly samples: readonly { readonly path: string; readonly className: string }[]
}

/** Classes are the folders that hold images, at any depth; images at the top get the empty name. */
function findTimm({ files }: FolderListing, fullPath: boolean): Found {
  const samples = files
    .filter((path) => EXTENSIONS.timm.includes(extension(path)))
    .map((path) => {
      const folders = path.split('/').slice(0, -1)
      return { path, className: fullPath ? folders.join('_') : (folders.at(-1) ?? '') }
    })
    .sort((a, b) => compareNatural(a.path, b.path))
  return { classes: [...new Set(samples.map((s) => s.className))].sort(compareNatural), samples }
}

/** Classes are the first-level folders; within one, its sub-folders in the order of their paths. */
function findTorchvision({ files, folders }: FolderListing): Found {
  const classes = [...new Set(folders.map((path) => path.split('/')[0]!))].sort(compareCodePoints)
  const samples = files
    .filter((path) => path.includes('/') && EXTENSIONS.torchvision.some((end) => path.toLowerCase().endsWith(end)))
    .map((path) => ({ path, className: path.slice(0, path.indexOf('/')), folder: path.slice(0, path.lastIndexOf('/')) }))
    .sort(
      (a, b) =>
        compareCodePoints(a.className, b.className) || compareCodePoints(a.folder, b.folder) || compareCodePoints(a.path, b.path),
    )
  return { classes, samples }
}

/** As Python's `splitext`: the dots that begin a name do not begin an extension. */
function extension(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/^\.+/, '')
  const dot = name.lastIndexOf('.')
  return dot < 0 ? '' : name.slice(dot).toLowerCase()
}

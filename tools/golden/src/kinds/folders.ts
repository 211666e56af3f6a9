import { DatasetError, type FolderListing, findSplit, type IndexOptions, indexFolder } from '@scanline/datasets'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isPreprocessing } from '../preprocessing/match.js'

const readers: Readonly<Record<string, IndexOptions>> = {
  timm: { reader: 'timm' },
  timm_full_path_labels: { reader: 'timm', fullPathLabels: true },
  timm_with_class_map: { reader: 'timm' },
  torchvision: { reader: 'torchvision' },
}

/** Classes, their order and the samples of folders; where splits are looked for. */
export const folders: Kind = {
  name: 'image folders',
  matches: (file) => isPreprocessing(file, 'cases', 'files', 'timm', 'torchvision'),
  run: async (file, context) => {
    for (const [i, entry] of file.at('cases').list().entries()) {
      const listing = listingOf(entry.at('files').strings())
      for (const [reader, options] of Object.entries(readers)) {
        const expected = entry.maybe(reader)
        const name = `cases[${i}] ${reader}`
        if (expected) await context.part(name, () => compare(context, name, listing, options, expected))
      }
    }
    const empty = file.maybe('class_folder_without_images')
    if (empty) await context.part('class_folder_without_images', () => checkEmptyClass(context, empty))
    for (const [i, entry] of (file.maybe('split_folder_search')?.list() ?? []).entries()) {
      const names = entry.at('folders').strings()
      const wrong = ['train', 'validation'].filter((split) => (findSplit(names, split) ?? '.') !== entry.at(split).string())
      context.check({ name: `split_folder_search[${i}]`, error: wrong.length, bound: 0 })
    }
    await noteUnknown(context, file, ['readme', 'reference', 'cases', 'class_folder_without_images', 'split_folder_search'])
  },
}

function listingOf(files: readonly string[]): FolderListing {
  const above = (path: string): string[] => {
    const parts = path.split('/').slice(0, -1)
    return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
  }
  return { files, folders: [...new Set(files.flatMap(above))] }
}

function compare(context: Context, name: string, listing: FolderListing, options: IndexOptions, expected: Field): void {
  const lines = expected.maybe('lines')?.strings()
  const samples = expected
    .at('samples')
    .list()
    .map((sample) => {
      const [path, label] = sample.tuple(2)
      return [path.string(), label.count()] as const
    })
  const labels = expected.maybe('class_to_index')
  try {
    const found = indexFolder(listing, { ...options, ...(lines && { classMap: lines }) })
    const same =
      JSON.stringify(found.samples.map(({ path, label }) => [path, label])) === JSON.stringify(samples) &&
      (!labels || JSON.stringify(found.classes) === JSON.stringify(classNames(labels)))
    context.check({ name, error: same ? 0 : 1, bound: 0, ...(!same && { note: JSON.stringify(found) }) })
  } catch (error) {
    // The reference gives an empty list where no file belongs to a class; here that is an error.
    if (!(error instanceof DatasetError) || samples.length > 0) throw error
    context.check({ name, error: 0, bound: 0, note: 'refused' })
  }
}

const classNames = (labels: Field): string[] =>
  labels
    .entries()
    .sort(([, a], [, b]) => a.count() - b.count())
    .map(([name]) => name)

/** Of two class folders one is empty: no class for one reader, for the other what a loader must refuse. */
function checkEmptyClass(context: Context, expected: Field): void {
  const labels = classNames(expected.at('timm_class_to_index'))
  const listing = { files: labels.map((name) => `${name}/1.png`), folders: [...labels, 'without-images'] }
  const found = indexFolder(listing)
  const torchvision = expected.at('torchvision').oneOf('error')
  const refused = indexFolder(listing, { reader: 'torchvision' }).emptyClasses.length > 0
  const error = Number(String(found.classes) !== String(labels)) + Number(refused !== (torchvision === 'error'))
  context.check({ name: 'class_folder_without_images', error, bound: 0 })
}

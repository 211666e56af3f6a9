import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cocoOf } from './coco.js'
import { ShapesError } from './errors.js'
import { hashOf, sha256, writeWhole } from './files.js'
import { type MakeOptions, makeParts } from './make-parts.js'
import { PARTS, type PartRecord, readRecord } from './part.js'
import { checkOptions, classNames, type DatasetOptions, partsOf, SETS, SPLITS } from './plan.js'

const MANIFEST = 'dataset.json'
/** Goes up when the same options give other pictures. */
const VERSION = 1

/** What `dataset.json` says. */
export interface Manifest {
  readonly version: number
  readonly options: DatasetOptions
  readonly classes: readonly string[]
  /** Of all files but this one: the same options give the same hash on every machine. */
  readonly hash: string
  /** SHA-256 of each file by path. */
  readonly files: Readonly<Record<string, string>>
}

export interface Progress {
  /** Pictures that are there, of all. */
  update(done: number, total: number): void
}

export interface MakeDatasetOptions extends Pick<MakeOptions, 'workers' | 'signal'> {
  readonly progress?: Progress
}

/**
 * Makes a data set in a folder, or goes on where an earlier run with the same options ended. Throws `ShapesError` for
 * options that cannot be served and folders that hold something else.
 *
 * @example
 * const { hash } = await makeDataset('shapes', DEFAULTS, { workers: 2 })
 */
export async function makeDataset(folder: string, options: DatasetOptions, run: MakeDatasetOptions): Promise<Manifest> {
  checkOptions(options)
  const finished = prepare(folder, options)
  if (finished) return finished
  const parts = partsOf(options)
  const total = parts.reduce((sum, { count }) => sum + count, 0)
  const missing = [...parts.keys()].filter((number) => !readRecord(folder, number))
  let made = total - missing.reduce((sum, number) => sum + (parts[number]?.count ?? 0), 0)
  run.progress?.update(made, total)
  await makeParts(folder, options, missing, {
    workers: run.workers,
    signal: run.signal,
    done: (number) => {
      made += parts[number]?.count ?? 0
      run.progress?.update(made, total)
    },
  })
  return complete(folder, options)
}

/** The manifest if the data set is complete already; else marks the folder as one that is being filled. */
function prepare(folder: string, options: DatasetOptions): Manifest | undefined {
  const path = join(folder, MANIFEST)
  const begun = join(folder, PARTS, 'options.json')
  const wanted = JSON.stringify({ version: VERSION, options })
  if (existsSync(path)) {
    const manifest = readManifest(folder)
    if (JSON.stringify({ version: manifest.version, options: manifest.options }) === wanted) return manifest
    throw new ShapesError(`${folder} holds a data set with other options (see ${path}); choose another folder`)
  }
  if (existsSync(begun)) {
    if (readFileSync(begun, 'utf8') === wanted) return undefined
    throw new ShapesError(`${folder} holds an unfinished data set with other options; remove it or choose another folder`)
  }
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new ShapesError(`${folder} is not empty and holds no data set of shapes; choose another folder`)
  mkdirSync(folder, { recursive: true })
  writeWhole(folder, `${PARTS}/options.json`, wanted)
  return undefined
}

function complete(folder: string, options: DatasetOptions): Manifest {
  const parts = partsOf(options)
  const records = parts.map((_, number) => readRecord(folder, number) as PartRecord)
  const files: Record<string, string> = Object.assign({}, ...records.map((record) => record.files))
  const add = (path: string, content: string) => {
    writeWhole(folder, path, content)
    files[path] = sha256(content)
  }
  for (const set of SETS)
    if (parts.some((part) => part.set === set)) add(`${set}/classes.txt`, `${classNames(options).join('\n')}\n`)
  for (const split of SPLITS) {
    const pictures = records.flatMap(({ instances }, i) => {
      const part = parts[i]
      return part?.set === 'scenes' && part.split === split ? instances : []
    })
    if (pictures.length > 0) add(`scenes/annotations/instances_${split}.json`, cocoOf(options, split, pictures))
  }
  const manifest = { version: VERSION, options, classes: classNames(options), hash: hashOf(files), files }
  writeWhole(folder, MANIFEST, `${JSON.stringify(manifest, null, 1)}\n`)
  rmSync(join(folder, PARTS), { recursive: true, force: true })
  return manifest
}

/** Throws `ShapesError` when there is none. */
export function readManifest(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Manifest
  } catch (error) {
    throw new ShapesError(`${join(folder, MANIFEST)} cannot be read (${(error as Error).message}); make the data set first`)
  }
}

/** The files that are missing or differ from what the manifest says. */
export function damagedFiles(folder: string): string[] {
  const { files } = readManifest(folder)
  return Object.keys(files).filter((path) => {
    const full = join(folder, path)
    return !existsSync(full) || sha256(readFileSync(full)) !== files[path]
  })
}

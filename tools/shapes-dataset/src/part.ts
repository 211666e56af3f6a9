import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256, writeWhole } from './files.js'
import { pictureAt } from './picture.js'
import { type DatasetOptions, type Part, partsOf } from './plan.js'
import type { Instance } from './truth.js'

/** What is kept of a part that is done, until the data set is complete. */
export interface PartRecord {
  /** SHA-256 of each file by path. */
  readonly files: Readonly<Record<string, string>>
  /** The objects of each picture. */
  readonly instances: readonly (readonly Instance[])[]
}

export const PARTS = '.parts'
const recordPath = (number: number): string => `${PARTS}/${number}.json`

/** Makes and writes the pictures of a part; its record comes last, so that a part without one is made again. */
export function makePart(folder: string, options: DatasetOptions, number: number): void {
  const { set, split, first, count } = partsOf(options)[number] as Part
  const files: Record<string, string> = {}
  const instances: (readonly Instance[])[] = []
  for (let index = first; index < first + count; index++) {
    const picture = pictureAt(options, set, split, index)
    for (const { path, bytes } of picture.files) {
      writeWhole(folder, path, bytes)
      files[path] = sha256(bytes)
    }
    instances.push(picture.instances)
  }
  writeWhole(folder, recordPath(number), JSON.stringify({ files, instances } satisfies PartRecord))
}

/** The record of a part whose files are all there. */
export function readRecord(folder: string, number: number): PartRecord | undefined {
  const path = join(folder, recordPath(number))
  if (!existsSync(path)) return undefined
  const record = JSON.parse(readFileSync(path, 'utf8')) as PartRecord
  return Object.keys(record.files).every((file) => existsSync(join(folder, file))) ? record : undefined
}

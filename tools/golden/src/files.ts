import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Field } from './field.js'

/** The files that arguments mean: a folder stands for every `.json` file below it, in the order of their names. */
export function expand(paths: readonly string[]): string[] {
  return paths.flatMap((path) => (statSync(path, { throwIfNoEntry: false })?.isDirectory() ? below(path) : [path]))
}

function below(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** The bytes of the file that `field` names, in the folder `files` beside the reference file at `path`. Throws `FormatError`. */
export function readBeside(path: string, field: Field): Uint8Array {
  try {
    return new Uint8Array(readFileSync(join(dirname(path), 'files', field.string())))
  } catch (error) {
    return field.fail(`cannot be read from the folder files (${error instanceof Error ? error.message : error})`)
  }
}

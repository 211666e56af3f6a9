import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

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

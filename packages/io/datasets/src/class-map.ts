import { DatasetError, listed } from './errors.js'

/**
 * Class names by index from a text of one name a line; the line number, from 0, is the index. Specification:
 * preprocessing 7.
 *
 * @throws DatasetError `labels` for empty lines in between and for names that occur twice.
 * @example
 * parseClassMap('cat\ndog\n') // ['cat', 'dog']
 */
export function parseClassMap(text: string): string[] {
  const names = text
    .replace(/\s+$/, '')
    .split('\n')
    .map((line) => line.trim())
  const blank = names.indexOf('')
  if (blank >= 0)
    throw new DatasetError('labels', `Line ${blank + 1} of the class map is empty. Write one class name on each line.`)
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  if (twice.length > 0)
    throw new DatasetError('labels', `The class map names ${listed(twice)} more than once. Each class has one line.`)
  return names
}

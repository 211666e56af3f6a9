import { Field } from '../field.js'

/** A preprocessing file with a list `key` whose first entry has the given fields. */
export function isPreprocessing(file: Field, key: string, ...fields: readonly string[]): boolean {
  if (!file.isRecord() || file.record()['kind'] !== 'preprocessing' || !file.has(key)) return false
  if (fields.length === 0) return true
  const list = file.record()[key]
  const first = new Field(Array.isArray(list) ? list[0] : undefined)
  return fields.every((field) => first.has(field))
}

import { Field } from '../field.js'

/** A training file with a list `key` whose first entry has the given fields. */
export function isTraining(file: Field, key: string, ...fields: readonly string[]): boolean {
  if (!file.isRecord() || file.record()['kind'] !== 'training' || !file.has(key)) return false
  const list = file.record()[key]
  const first = new Field(Array.isArray(list) ? list[0] : undefined)
  return fields.every((field) => first.has(field))
}

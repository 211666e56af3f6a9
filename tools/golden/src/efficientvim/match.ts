import { readState } from '../cases/state.js'
import type { Field } from '../field.js'

/** A file of the EfficientViM family, by what it says about itself. */
export function isEfficientViM(file: Field): boolean {
  if (!file.isRecord()) return false
  const { family, model } = file.record()
  return family === 'efficientvim' || (typeof model === 'string' && /^efficientvim/i.test(model))
}

/** Whether a case's state dict has an entry of this name, or below it. */
export function stateNames(entry: Field): (name: string) => boolean {
  const names = readState(entry.at('state')).map(({ name }) => name)
  return (wanted) => names.some((name) => name === wanted || name.startsWith(`${wanted}.`))
}

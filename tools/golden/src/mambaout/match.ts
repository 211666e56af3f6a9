import type { Field } from '../field.js'

/** A file of the MambaOut family, by what it says about itself. */
export function isMambaOut(file: Field): boolean {
  if (!file.isRecord()) return false
  const { family, model, source } = file.record()
  return family === 'mambaout' || [model, source].some((text) => typeof text === 'string' && /mambaout/i.test(text))
}

/** The official repository's module tree, or timm's. They differ in arguments, classes and names of entries. */
export type Origin = 'official' | 'timm'

/** By `source`; files without it are of the paper's repository. */
export const originOf = (source: Field | undefined): Origin => (source && /timm/i.test(source.string()) ? 'timm' : 'official')

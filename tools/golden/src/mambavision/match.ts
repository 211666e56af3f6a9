import type { Field } from '../field.js'

/** A file of the MambaVision family, by what it says about itself. */
export function isMambaVision(file: Field): boolean {
  if (!file.isRecord()) return false
  const { family, model, source } = file.record()
  return family === 'mambavision' || [model, source].some((text) => typeof text === 'string' && /mamba_?vision/i.test(text))
}

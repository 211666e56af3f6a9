import type { Field } from '../field.js'

/** A file of the Vim family, by what it says about itself. */
export function isVim(file: Field): boolean {
  if (!file.isRecord()) return false
  const { family, model, source } = file.record()
  return family === 'vim' || [model, source].some((text) => typeof text === 'string' && /^vim_|vision_?mamba/i.test(text))
}

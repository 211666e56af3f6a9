import type { Module } from '@scanline/nn'

const stem = /^(stem|patch_embed|downsample_layers\.\d+)$/
const places = { blocks: /(^|\.)(blocks|layers)\.\d+$/, stages: /^(stages|levels)\.\d+$/ }

/**
 * The modules of a model between which activations are kept when the rest is recomputed: its stem, and its blocks or its
 * stages. `blocks` keeps what goes from one block to the next; `stages` keeps less, and all of a stage while that one is
 * differentiated. A model without stages, such as Vim, gives its blocks.
 */
export function recomputeUnits(model: Module, unit: 'blocks' | 'stages'): Module[] {
  const at = (pattern: RegExp) => model.namedModules().flatMap(([path, module]) => (pattern.test(path) ? [module] : []))
  const found = at(places[unit])
  return [...at(stem), ...(found.length > 0 ? found : at(places.blocks))]
}

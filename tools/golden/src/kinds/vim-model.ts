import { modelFields } from '../cases/classifier.js'
import { type Kind, noteUnread } from '../kind.js'
import { isVim } from '../vim/match.js'
import { runModel } from '../vim/run.js'

/** Whole models: state dict, tokens, layers, what the classifier reads, logits. */
export const vimModel: Kind = {
  name: 'Vim',
  matches: (file) => isVim(file) && file.has('model') && file.has('input') && !file.has('grads'),
  run: async (file, context) => {
    await noteUnread(context, file, [...modelFields, 'features', 'logits'])
    await runModel(file, '', file.at('salt').string(), context)
  },
}

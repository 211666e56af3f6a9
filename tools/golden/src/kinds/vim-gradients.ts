import { runModelGradients } from '../cases/model-gradients.js'
import type { Kind } from '../kind.js'
import { isVim } from '../vim/match.js'
import { buildModel } from '../vim/model.js'

/** Loss and gradients of whole models. */
export const vimGradients: Kind = {
  name: 'Vim gradients',
  matches: (file) => isVim(file) && file.has('input') && file.has('grads'),
  run: (file, context) =>
    runModelGradients(file, context, {
      layout: { input: 'NCHW', output: 'NLC' },
      build: async () => {
        const salt = file.at('salt').string()
        return { model: await buildModel(file, '', salt, context), salt }
      },
      isRandom: ({ config }) => config.dropPathRate > 0 || config.dropRate > 0 || (config.flipRatio > 0 && config.flipRatio < 1),
    }),
}

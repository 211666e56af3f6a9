import { runModelGradients } from '../cases/model-gradients.js'
import type { Kind } from '../kind.js'
import { isMambaVision } from '../mambavision/match.js'
import { buildModel, isDense } from '../mambavision/model.js'

/** Loss, gradients and running statistics of whole classifiers. */
export const mambavisionGradients: Kind = {
  name: 'MambaVision gradients',
  matches: (file) => isMambaVision(file) && file.has('model') && !isDense(file) && file.has('grads'),
  run: (file, context) =>
    runModelGradients(file, context, {
      layout: { input: 'NCHW', output: 'NCHW' },
      build: buildModel,
      isRandom: ({ config }) => config.dropPathRate > 0 || config.dropRate > 0 || config.attnDropRate > 0,
    }),
}

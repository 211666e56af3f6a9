import { runModelGradients } from '../cases/model-gradients.js'
import { isEfficientViM } from '../efficientvim/match.js'
import { buildModel } from '../efficientvim/model.js'
import type { Kind } from '../kind.js'

/** Loss, gradients and running statistics of whole models, in training mode or with the running statistics left alone. */
export const efficientvimGradients: Kind = {
  name: 'EfficientViM gradients',
  matches: (file) => isEfficientViM(file) && file.has('model') && file.has('grads'),
  run: (file, context) =>
    runModelGradients(file, context, {
      layout: { input: 'NCHW', output: 'NCHW' },
      build: buildModel,
      isRandom: ({ config }) => config.dropPathRate > 0,
      // Half the cross entropy of each set of logits: the authors' hard distillation.
      forward: (model, image, training) =>
        training && model.config.distillation ? model.forwardDistilled(image) : model.forward(image),
    }),
}

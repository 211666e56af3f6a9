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
      refuse: ({ config }, training) =>
        training && config.distillation ? 'the loss of a distilled model in training mode, which no file defines' : undefined,
    }),
}

import { gradientFields, runGradients } from '../cases/gradients.js'
import { readInput, readLayout } from '../cases/layout.js'
import { isEfficientViM } from '../efficientvim/match.js'
import { buildModel, modelFields } from '../efficientvim/model.js'
import { NotSupportedError } from '../errors.js'
import { type Kind, noteUnknown } from '../kind.js'

/** Loss, gradients and running statistics of whole models, in training mode or with the running statistics left alone. */
export const efficientvimGradients: Kind = {
  name: 'EfficientViM gradients',
  matches: (file) => isEfficientViM(file) && file.has('model') && file.has('grads'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NCHW' })
    const training = !(file.maybe('mode')?.string().startsWith('eval') ?? false)
    await noteUnknown(context, file, [...modelFields, ...gradientFields])
    const { model, config, salt } = await buildModel(file, context)
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      if (training && config.dropPathRate) throw new NotSupportedError('training mode with drop path, whose draws no file gives')
      if (training && config.distillation)
        throw new NotSupportedError('the loss of a distilled model in training mode, which no file defines')
      model.train(training)
      await runGradients(context, {
        file,
        input: x,
        inputLayout: layout.input,
        forward: (image) => model.forward(image),
        model,
        parameters: model.namedParameters(),
      })
    } finally {
      x.dispose()
      model.dispose()
    }
  },
}

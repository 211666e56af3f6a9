import { gradientFields, runGradients } from '../cases/gradients.js'
import { readInput, readLayout } from '../cases/layout.js'
import { NotSupportedError } from '../errors.js'
import { type Kind, noteUnknown } from '../kind.js'
import { isMambaVision } from '../mambavision/match.js'
import { buildModel, isDense, modelFields } from '../mambavision/model.js'

/** Loss, gradients and running statistics of whole classifiers in training mode. */
export const mambavisionGradients: Kind = {
  name: 'MambaVision gradients',
  matches: (file) => isMambaVision(file) && file.has('model') && !isDense(file) && file.has('grads'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NCHW' })
    const training = !(file.maybe('mode')?.string().startsWith('eval') ?? false)
    await noteUnknown(context, file, [...modelFields, ...gradientFields])
    const { model, salt } = await buildModel(file, context)
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      const { dropPathRate, dropRate, attnDropRate } = model.config
      if (training && (dropPathRate || dropRate || attnDropRate))
        throw new NotSupportedError('training mode with drop path or dropout, whose draws no file gives')
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

import { gradientFields, runGradients } from '../cases/gradients.js'
import { readInput, readLayout } from '../cases/layout.js'
import { NotSupportedError } from '../errors.js'
import { type Kind, noteUnknown } from '../kind.js'
import { isVim } from '../vim/match.js'
import { buildModel, modelFields } from '../vim/model.js'

/** Loss and gradients of whole models. */
export const vimGradients: Kind = {
  name: 'Vim gradients',
  matches: (file) => isVim(file) && file.has('input') && file.has('grads'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NLC' })
    const training = !(file.maybe('mode')?.string().startsWith('eval') ?? false)
    await noteUnknown(context, file, [...modelFields, ...gradientFields])
    const salt = file.at('salt').string()
    const model = await buildModel(file, '', salt, context)
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      const { dropPathRate, dropRate } = model.config
      if (training && (dropPathRate || dropRate))
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

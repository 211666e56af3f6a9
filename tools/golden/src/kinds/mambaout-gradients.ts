import { timmToOfficial } from '@scanline/mambaout'
import { gradientFields, runGradients } from '../cases/gradients.js'
import { readInput, readLayout } from '../cases/layout.js'
import { NotSupportedError } from '../errors.js'
import { type Kind, noteUnknown } from '../kind.js'
import { isMambaOut } from '../mambaout/match.js'
import { buildModel, modelFields } from '../mambaout/model.js'

/** Loss and gradients of whole models in training mode. */
export const mambaoutGradients: Kind = {
  name: 'MambaOut gradients',
  matches: (file) => isMambaOut(file) && file.has('model') && file.has('grads'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NHWC' })
    const training = !(file.maybe('mode')?.string().startsWith('eval') ?? false)
    await noteUnknown(context, file, [...modelFields, ...gradientFields])
    const { model, config, layout: keys, salt } = await buildModel(file, context)
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      if (training && (config.dropPathRate || config.headDropout))
        throw new NotSupportedError('training mode with drop path or dropout, whose draws no file gives')
      model.train(training)
      const rename = keys === 'official' ? timmToOfficial : (name: string) => name
      await runGradients(context, {
        file,
        input: x,
        inputLayout: layout.input,
        forward: (image) => model.forward(image),
        model,
        parameters: model.namedParameters().map(([name, parameter]) => [rename(name), parameter]),
      })
    } finally {
      x.dispose()
      model.dispose()
    }
  },
}

import { timmToOfficial } from '@scanline/mambaout'
import { runModelGradients } from '../cases/model-gradients.js'
import type { Kind } from '../kind.js'
import { isMambaOut } from '../mambaout/match.js'
import { buildModel } from '../mambaout/model.js'

/** Loss and gradients of whole models. */
export const mambaoutGradients: Kind = {
  name: 'MambaOut gradients',
  matches: (file) => isMambaOut(file) && file.has('model') && file.has('grads'),
  run: (file, context) =>
    runModelGradients(file, context, {
      layout: { input: 'NCHW', output: 'NHWC' },
      build: async () => {
        const { model, layout, salt } = await buildModel(file, context)
        const rename = layout === 'official' ? timmToOfficial : (name: string) => name
        return { model, salt, parameters: model.namedParameters().map(([name, parameter]) => [rename(name), parameter]) }
      },
      isRandom: ({ config }) => config.dropPathRate > 0 || config.headDropout > 0,
    }),
}

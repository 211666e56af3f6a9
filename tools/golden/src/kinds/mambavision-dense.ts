import { scope } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { modelFields } from '../cases/classifier.js'
import { execute } from '../cases/execute.js'
import { inLayout, readInput, readLayout } from '../cases/layout.js'
import { checkTensors } from '../cases/tensors.js'
import { type Kind, noteUnread } from '../kind.js'
import { isMambaVision } from '../mambavision/match.js'
import { buildBackbone, isDense } from '../mambavision/model.js'
import { readReference } from '../reference.js'

/** The backbone of detectors and segmenters: one map for each index, in the order of the file. */
export const mambavisionDense: Kind = {
  name: 'MambaVision backbone',
  matches: (file) => isMambaVision(file) && isDense(file) && file.has('outputs'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NCHW' })
    await noteUnread(context, file, [...modelFields, 'outputs'])
    const expected = file
      .at('outputs')
      .list()
      .map((field, i) => ({
        name: `outputs[${i}]`,
        reference: readReference(field),
        bound: boundOf(context.device, field.maybe('float32_error'), file.maybe('float32_error')),
      }))
    const { model, salt } = await buildBackbone(file, context)
    model.eval()
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      await execute(
        context,
        'forward',
        (image) =>
          scope(() => Object.fromEntries(model.forward(image).map((map, i) => [`outputs[${i}]`, inLayout(map, layout.output)]))),
        [x],
        (run, outputs) => checkTensors(context, run, expected, outputs),
      )
    } finally {
      x.dispose()
      model.dispose()
    }
  },
}

import type { MambaVision } from '@scanline/mambavision'
import { scope, type Tensor } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { inLayout, readInput, readLayout } from '../cases/layout.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isMambaVision } from '../mambavision/match.js'
import { buildModel, isDense, modelFields } from '../mambavision/model.js'
import { readReference } from '../reference.js'

/** Every tensor that a file may name. */
function intermediates(model: MambaVision, x: Tensor): Record<string, Tensor> {
  return scope(() => {
    const { final, intermediates: stages } = model.forwardIntermediates(x)
    const found: Record<string, Tensor> = { patch_embed: model.patchEmbed.forward(x) }
    for (const [i, level] of model.levels.entries()) {
      found[`stage${i}`] = stages[i]
      if (level.downsample) found[`down${i + 1}`] = level.downsample.forward(stages[i])
    }
    return {
      ...found,
      norm: model.norm.forward(final),
      features: model.forwardHead(final, { preLogits: true }),
      logits: model.forwardHead(final),
    }
  })
}

/** Whole classifiers: state dict, stages, pooled features, logits. */
export const mambavisionModel: Kind = {
  name: 'MambaVision',
  matches: (file) => isMambaVision(file) && file.has('model') && !isDense(file) && file.has('input') && !file.has('grads'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NCHW' })
    const expected = readExpected(file, context)
    await noteUnknown(context, file, [...modelFields, 'stages', 'logits'])
    const { model, salt } = await buildModel(file, context)
    model.eval()
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      const wanted = new Set(expected.map(({ name }) => name))
      const stages = (image: Tensor): Record<string, Tensor> =>
        scope(() => {
          const all = Object.entries(intermediates(model, image)).filter(([name]) => wanted.has(name))
          return Object.fromEntries(all.map(([name, y]) => [name, inLayout(y, layout.output)]))
        })
      await execute(context, 'stages', stages, [x], (run, outputs) => checkTensors(context, run, expected, outputs))

      // The program that a user runs has the logits as its only output, and so more to fuse. Eagerly nothing would differ.
      const logits = expected.filter(({ name }) => name === 'logits')
      await execute(
        context,
        'forward',
        (image) => ({ logits: model.forward(image) }),
        [x],
        (run, outputs) => checkTensors(context, run, logits, outputs, 'forward: '),
        ['compiled'],
      )
    } finally {
      x.dispose()
      model.dispose()
    }
  },
}

const stageNames = /^(patch_embed|down[123]|stage[0-3]|norm|features)$/

function readExpected(file: Field, context: Context): Expected[] {
  const whole = file.maybe('float32_error')
  const stages = (file.maybe('stages')?.entries() ?? []).map(([name, field]): Expected => {
    if (!stageNames.test(name)) throw new NotSupportedError(`${field.path} of a MambaVision`)
    return { name, reference: readReference(field), bound: boundOf(context.device, field.maybe('float32_error'), whole) }
  })
  const logits = file.maybe('logits')
  if (!logits) return stages
  const bound = boundOf(context.device, file.maybe('float32_error_logits'), logits.maybe('float32_error'), whole)
  return [...stages, { name: 'logits', reference: readReference(logits), bound }]
}

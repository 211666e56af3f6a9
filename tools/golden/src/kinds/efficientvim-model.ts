import type { EfficientViM } from '@scanline/efficientvim'
import { captureBuffers } from '@scanline/nn'
import { scope, type Tensor, transpose } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { inLayout, readInput, readLayout } from '../cases/layout.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import { isEfficientViM } from '../efficientvim/match.js'
import { buildModel, modelFields } from '../efficientvim/model.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference } from '../reference.js'

/** Every tensor that a file may name. Hidden states are [N, C, S] there. */
function intermediates(model: EfficientViM, x: Tensor): Record<string, Tensor> {
  return scope(() => {
    const found: Record<string, Tensor> = {}
    let y = model.patchEmbed.forward(x)
    found['patch_embed'] = y
    const hidden: Tensor[] = []
    for (const [i, stage] of model.stages.entries()) {
      for (const [j, block] of stage.blocks.entries()) {
        const output = block.forward(y)
        y = output.map
        hidden[i] = output.hidden
        found[`stages.${i}.blocks.${j}.map`] = y
        found[`stages.${i}.blocks.${j}.hidden`] = transpose(output.hidden)
      }
      if (stage.downsample) {
        y = stage.downsample.forward(y)
        found[`stages.${i}.downsample`] = y
      }
    }
    for (const [i, vector] of model.pool(hidden, y).entries()) {
      found[`pooled.${i}`] = vector
      if (model.heads[i]) found[`heads.${i}`] = model.heads[i].forward(vector)
      if (model.headsDist[i]) found[`heads_dist.${i}`] = model.headsDist[i].forward(vector)
    }
    return { ...found, logits: model.forward(x) }
  })
}

const outputs = ['logits', 'train_logits', 'train_logits_dist']

/** Whole models: state dict, every block, pooled vectors, logits; those of a distilled model in training mode. */
export const efficientvimModel: Kind = {
  name: 'EfficientViM',
  matches: (file) => isEfficientViM(file) && file.has('model') && file.has('input') && !file.has('grads') && !file.has('loss'),
  run: async (file, context) => {
    const layout = readLayout(file.maybe('layout'), { input: 'NCHW', output: 'NCHW' })
    await noteUnknown(context, file, [...modelFields, ...outputs, 'features'])
    const { model, salt } = await buildModel(file, context)
    const x = readInput(context, 'input', file.at('input'), salt, layout.input)
    try {
      const features = [...readExpected(file.maybe('features'), file, context), ...only(file, context, 'logits')]
      const wanted = new Set(features.map(({ name }) => name))
      const run = (image: Tensor): Record<string, Tensor> =>
        scope(() => {
          const all = intermediates(model, image)
          for (const name of wanted) if (!Object.hasOwn(all, name)) throw new NotSupportedError(`${name} of an EfficientViM`)
          return Object.fromEntries([...wanted].map((name) => [name, inLayout(all[name], layout.output)]))
        })
      model.eval()
      await execute(context, 'features', run, [x], (mode, found) => checkTensors(context, mode, features, found))

      // The program that a user runs has the logits as its only output, and so more to fuse. Eagerly nothing would differ.
      const logits = features.filter(({ name }) => name === 'logits')
      await execute(
        context,
        'forward',
        (image) => ({ logits: model.forward(image) }),
        [x],
        (mode, found) => checkTensors(context, mode, logits, found, 'forward: '),
        ['compiled'],
      )

      const trained = [...only(file, context, 'train_logits'), ...only(file, context, 'train_logits_dist')]
      if (trained.length === 0) return
      model.train()
      const step = (image: Tensor): Record<string, Tensor> =>
        scope(() => {
          const { result } = captureBuffers(model, () => model.forwardDistilled(image))
          return { train_logits: result.logits, train_logits_dist: result.distilled }
        })
      await execute(context, 'training', step, [x], (mode, found) => checkTensors(context, mode, trained, found))
    } finally {
      x.dispose()
      model.dispose()
    }
  },
}

const readExpected = (tensors: Field | undefined, file: Field, context: Context): Expected[] =>
  (tensors?.entries() ?? []).map(([name, field]) => ({
    name,
    reference: readReference(field),
    bound: boundOf(context.device, field.maybe('float32_error'), file.maybe('float32_error')),
  }))

const only = (file: Field, context: Context, name: string): Expected[] => {
  const field = file.maybe(name)
  return field
    ? [
        {
          name,
          reference: readReference(field),
          bound: boundOf(context.device, field.maybe('float32_error'), file.maybe('float32_error')),
        },
      ]
    : []
}

import type { MambaOut } from '@scanline/mambaout'
import { scope, type Tensor } from '@scanline/tensor'
import { runClassifier } from '../cases/classifier.js'
import type { Kind } from '../kind.js'
import { isMambaOut } from '../mambaout/match.js'
import { buildModel } from '../mambaout/model.js'

/** Every tensor that a file may name, from the model's own feature interface. */
function intermediates(model: MambaOut, x: Tensor): Record<string, Tensor> {
  return scope(() => {
    const { final, intermediates: stages } = model.forwardIntermediates(x)
    const { head } = model
    const found: Record<string, Tensor> = { stem: model.stem.forward(x) }
    for (const [i, stage] of model.stages.entries()) {
      found[`stage${i}`] = stages[i]
      if (stage.downsample) found[`down${i}`] = stage.downsample.forward(stages[i - 1])
    }
    return {
      ...found,
      features: head.norm.forward(head.pool(final)),
      head_hidden: model.forwardHead(final, { preLogits: true }),
      logits: model.forwardHead(final),
    }
  })
}

/** Whole models: state dict, stages, pooled features, input of the classifier, logits. */
export const mambaoutModel: Kind = {
  name: 'MambaOut',
  matches: (file) => isMambaOut(file) && file.has('model') && file.has('input') && !file.has('grads') && !file.has('loss'),
  run: (file, context) =>
    runClassifier(file, context, {
      family: 'MambaOut',
      layout: { input: 'NCHW', output: 'NHWC' },
      stageNames: /^(stem|down[1-9]\d*|stage\d+|features|head_hidden)$/,
      build: buildModel,
      intermediates,
    }),
}

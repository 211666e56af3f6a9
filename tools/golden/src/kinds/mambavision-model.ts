import type { MambaVision } from '@scanline/mambavision'
import { scope, type Tensor } from '@scanline/tensor'
import { runClassifier } from '../cases/classifier.js'
import type { Kind } from '../kind.js'
import { isMambaVision } from '../mambavision/match.js'
import { buildModel, isDense } from '../mambavision/model.js'

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
  run: (file, context) =>
    runClassifier(file, context, {
      family: 'MambaVision',
      layout: { input: 'NCHW', output: 'NCHW' },
      stageNames: /^(patch_embed|down[123]|stage[0-3]|norm|features)$/,
      build: buildModel,
      intermediates,
    }),
}

import type { EfficientViM } from '@scanline/efficientvim'
import { scope, type Tensor, transpose } from '@scanline/tensor'
import { runClassifier } from '../cases/classifier.js'
import { isEfficientViM } from '../efficientvim/match.js'
import { buildModel } from '../efficientvim/model.js'
import type { Kind } from '../kind.js'

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

/** Whole models: state dict, every block, pooled vectors, logits; those of a distilled model in training mode. */
export const efficientvimModel: Kind = {
  name: 'EfficientViM',
  matches: (file) => isEfficientViM(file) && file.has('model') && file.has('input') && !file.has('grads') && !file.has('loss'),
  run: (file, context) =>
    runClassifier(file, context, {
      family: 'EfficientViM',
      layout: { input: 'NCHW', output: 'NCHW' },
      stagesField: 'features',
      stageNames: /^(patch_embed|stages\.\d+\.(blocks\.\d+\.(map|hidden)|downsample)|(pooled|heads|heads_dist)\.\d+)$/,
      build: buildModel,
      intermediates,
      training: {
        fields: ['train_logits', 'train_logits_dist'],
        run: (model, x): Record<string, Tensor> => {
          if (!model.config.distillation) return { train_logits: model.forward(x) }
          const { logits, distilled } = model.forwardDistilled(x)
          return { train_logits: logits, train_logits_dist: distilled }
        },
      },
    }),
}

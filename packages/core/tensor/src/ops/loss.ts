import { ShapeError } from '../errors.js'
import { scope } from '../scope.js'
import { sameShape } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { equal, mul, neg } from './arithmetic.js'
import { cast } from './cast.js'
import { arange } from './create.js'
import { mean, sum } from './reduce.js'
import { logSoftmax } from './softmax.js'
import { unsqueeze } from './view.js'

/** One row of zeros with a one per label: `labels` i32 [N] → [N, `classes`]. */
export function oneHot(labels: Tensor, classes: number, dtype: Tensor['dtype'] = 'f32'): Tensor {
  return scope(() => cast(equal(unsqueeze(labels, -1), arange(classes, { device: labels.device, dtype: labels.dtype })), dtype))
}

/**
 * Mean cross entropy of `logits` [N, classes] with labels (i32 [N]) or with rows of target probabilities [N, classes].
 * Throws `ShapeError`.
 */
export function crossEntropy(logits: Tensor, target: Tensor): Tensor {
  const fits = target.rank === 1 ? target.shape[0] === logits.shape[0] : sameShape(target.shape, logits.shape)
  if (logits.rank !== 2 || !fits)
    throw new ShapeError(
      `crossEntropy needs logits [N, classes] with labels [N] or probabilities [N, classes], got ${logits} and ${target}`,
    )
  return scope(() => {
    const probabilities = target.rank === 1 ? oneHot(target, logits.shape[1], logits.dtype) : target
    return neg(mean(sum(mul(probabilities, logSoftmax(logits)), [-1])))
  })
}

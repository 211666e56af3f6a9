import {
  add,
  arange,
  cast,
  clamp,
  crossEntropy,
  equal,
  exp,
  fullLike,
  greater,
  log,
  logSoftmax,
  max,
  mean,
  min,
  mul,
  neg,
  oneHot,
  ShapeError,
  scope,
  slice,
  softmax,
  softplus,
  sub,
  sum,
  type Tensor,
  where,
} from '@scanline/tensor'

/**
 * (1 - s) · cross entropy + s · the mean over classes of -log p, for `labels` i32 [B]: cross entropy with targets that
 * keep s / classes for every class.
 */
export const labelSmoothingLoss = (logits: Tensor, labels: Tensor, smoothing: number): Tensor =>
  smoothing === 0 ? crossEntropy(logits, labels) : scope(() => crossEntropy(logits, smoothedTargets(labels, logits, smoothing)))

/** Rows with 1 - s + s/C at the label and s/C elsewhere, in the shape and type of `logits`. */
export function smoothedTargets(labels: Tensor, logits: Tensor, smoothing: number): Tensor {
  const classes = logits.shape[1]
  return scope(() => add(mul(oneHot(labels, classes, logits.dtype), 1 - smoothing), smoothing / classes))
}

export interface BinaryOptions {
  /** Targets above it are 1, others 0. */
  readonly threshold?: number
  /** Sums over the classes before the mean over the batch. */
  readonly sumClasses?: boolean
  /** Weight of what is 1 against what is 0. */
  readonly posWeight?: number
}

/**
 * Binary cross entropy with logits, mean over batch and classes, for targets [B, C]; see `smoothedTargets` for labels. A
 * threshold of 0 is what Vim's trainer does with its flag: whatever is above 0 becomes 1.
 */
export function binaryCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  { threshold, sumClasses, posWeight = 1 }: BinaryOptions = {},
): Tensor {
  return scope(() => {
    const t = threshold === undefined ? targets : cast(greater(targets, threshold), logits.dtype)
    // -log sigmoid(x) = softplus(-x), and -log(1 - sigmoid(x)) = softplus(x).
    const [on, off] = [mul(t, softplus(neg(logits))), mul(sub(1, t), softplus(logits))]
    const loss = add(posWeight === 1 ? on : mul(on, posWeight), off)
    return sumClasses ? mean(sum(loss, [-1])) : mean(loss)
  })
}

/** p = softmax(logits / tau) and its logarithm. */
const tempered = (logits: Tensor, tau: number): { log: Tensor; p: Tensor } => {
  const scaled = tau === 1 ? logits : mul(logits, 1 / tau)
  const log = logSoftmax(scaled)
  return { log, p: exp(log) }
}

/** sum of q (log q - log p) over everything; the teacher's side takes no gradient unless it is differentiated itself. */
function divergence(teacher: Tensor, student: Tensor, tau: number): Tensor {
  const [q, p] = [tempered(teacher, tau), tempered(student, tau)]
  return sum(mul(q.p, sub(q.log, p.log)))
}

/**
 * Soft distillation (Hinton et al., arXiv 1503.02531) as DeiT's trainer computes it: the divergence of both
 * distributions at temperature `tau`, times tau², over the number of elements B · C, not over B.
 */
export const softDistillation = (student: Tensor, teacher: Tensor, tau = 1): Tensor =>
  scope(() => mul(divergence(teacher, student, tau), tau ** 2 / student.size))

/** Cross entropy against the teacher's arg-max, the first one where several are equal. */
export function hardDistillation(student: Tensor, teacher: Tensor): Tensor {
  return scope(() => crossEntropy(student, firstMaximum(teacher)))
}

/** Column of each row's largest element: i32 [B]. */
function firstMaximum(rows: Tensor): Tensor {
  const classes = rows.shape[1]
  const columns = arange(classes, { device: rows.device, dtype: rows.dtype })
  const candidates = where(equal(rows, max(rows, [1], true)), columns, fullLike(columns, classes))
  return cast(min(candidates, [1]), 'i32')
}

/** (1 - alpha) · base + alpha · distillation. */
export const combinedLoss = (base: Tensor, distillation: Tensor, alpha: number): Tensor =>
  scope(() => add(mul(base, 1 - alpha), mul(distillation, alpha)))

/**
 * What MambaVision adds to its loss from the logits of the averaged model (MESA: Du et al., arXiv 2205.14083):
 * weight · 50 · KL, at temperature 3 on both sides, per sample, without the factor tau².
 */
export const mesaMambaVision = (logits: Tensor, averaged: Tensor, weight: number): Tensor =>
  scope(() => mul(divergence(averaged, logits, 3), (50 * weight) / logits.shape[0]))

/** What EfficientViM adds: weight · cross entropy against the averaged model's probabilities. */
export const mesaEfficientViM = (logits: Tensor, averaged: Tensor, weight: number): Tensor =>
  scope(() => mul(crossEntropy(logits, softmax(averaged)), weight))

/**
 * Cross entropy of the clean part of a batch, and `alpha` times the mean divergence of all parts from their mixture
 * (AugMix: Hendrycks et al., arXiv 1912.02781). `logits` are `splits` parts one after the other, the first is clean.
 * Throws `ShapeError` for a batch that does not divide.
 */
export function jensenShannonLoss(
  logits: Tensor,
  labels: Tensor,
  { splits = 3, alpha = 12, smoothing = 0.1 }: { splits?: number; alpha?: number; smoothing?: number } = {},
): Tensor {
  const size = logits.shape[0] / splits
  if (!Number.isInteger(size) || labels.shape[0] !== size)
    throw new ShapeError(`${splits} splits need logits of ${splits} batches and labels of one, got ${logits} and ${labels}`)
  return scope(() => {
    const parts = Array.from({ length: splits }, (_, i) => slice(logits, 0, i * size, (i + 1) * size))
    const probabilities = parts.map((part) => softmax(part))
    const mixture = log(
      clamp(
        mul(
          probabilities.reduce((a, b) => add(a, b)),
          1 / splits,
        ),
        1e-7,
        1,
      ),
    )
    const apart = parts.map((part, i) => mul(sum(mul(probabilities[i], sub(logSoftmax(part), mixture))), 1 / (size * splits)))
    const clean = labelSmoothingLoss(parts[0], labels, smoothing)
    return add(
      clean,
      mul(
        apart.reduce((a, b) => add(a, b)),
        alpha,
      ),
    )
  })
}

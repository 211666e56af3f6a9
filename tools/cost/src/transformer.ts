/** Floating-point operations of one transformer block; a multiply and an add count one each. */
export interface BlockFlops {
  /** Queries, keys, values and output: four products of L × D by D × D. */
  readonly projections: number
  /** Scores, and the sums that they weigh: grows with the square of L. */
  readonly attention: number
  /** Two products with the hidden width. */
  readonly mlp: number
  readonly total: number
  /** The quadratic part over the rest. */
  readonly ratio: number
}

/**
 * One transformer block of width D over L tokens that all see one another, without norms, softmax and biases. With MLP ratio
 * 4 it is 24 D² L + 4 D L². Yu and Wang, arXiv 2405.07992, section 3.
 *
 * @example
 * transformerBlockFlops(384, 196).total // 752640000
 */
export function transformerBlockFlops(width: number, tokens: number, mlpRatio = 4): BlockFlops {
  const projections = 8 * width ** 2 * tokens
  const attention = 4 * width * tokens ** 2
  const mlp = 4 * mlpRatio * width ** 2 * tokens
  return { projections, attention, mlp, total: projections + attention + mlp, ratio: attention / (projections + mlp) }
}

/** Tokens at which the quadratic part of a block with MLP ratio 4 equals the rest: 6 D. */
export const longSequenceThreshold = (width: number): number => 6 * width

/** Whether a task is a long-sequence one for blocks of this width: L > 6 D.. */
export const isLongSequence = (width: number, tokens: number): boolean => tokens > longSequenceThreshold(width)

import { apply1 } from '../dispatch.js'
import { ArgumentError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { formatShape, sameShape } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { silu } from './activation.js'
import { add, mul } from './arithmetic.js'
import { selectiveScanOp } from './selective-scan.js'
import type { ScanAttrs } from './selective-scan-steps.js'

/** Which of the optional inputs there are; d and the bias of both directions or of neither. */
export type BidirectionalScanAttrs = Pick<ScanAttrs, 'skip' | 'gate' | 'bias' | 'softplus'> & {
  /** Multiplies the sum of both directions. */
  readonly scale: number
}

/** The inputs and attributes of each direction's scan without a gate, and the gate. */
export function scanDirections<T>(inputs: readonly T[], { skip, gate, bias, softplus }: BidirectionalScanAttrs) {
  const count = 5 + Number(skip) + Number(bias)
  const direction = (reverse: boolean) => ({
    first: reverse ? count : 0,
    inputs: inputs.slice(reverse ? count : 0, reverse ? 2 * count : count),
    attrs: { skip, bias, softplus, reverse, gate: false, lastState: false },
  })
  return { forward: direction(false), backward: direction(true), z: gate ? inputs[2 * count] : undefined }
}

/** u, delta, a, b, c, d, deltaBias of the scan from the start, the same of that from the end, then the gate. */
export const bidirectionalScanOp: Op<BidirectionalScanAttrs> = {
  name: 'bidirectionalScan',
  infer: (inputs, attrs) => {
    const { forward, backward, z } = scanDirections(inputs, attrs)
    const [y] = selectiveScanOp.infer(forward.inputs, forward.attrs)
    const [other] = selectiveScanOp.infer(backward.inputs, backward.attrs)
    for (const [name, x] of Object.entries({ 'a backward u': other, 'a gate z': z }))
      if (x && !sameShape(x.shape, y.shape))
        throw new ShapeError(
          `bidirectionalScan of u ${formatShape(y.shape)} needs ${name} of the same shape, got ${formatShape(x.shape)}`,
        )
    return [y]
  },
  decompose: (inputs, attrs) => {
    const { forward, backward, z } = scanDirections(inputs, attrs)
    const both = [forward, backward].map((one) => apply1(selectiveScanOp, one.inputs, one.attrs)).reduce(add)
    const y = attrs.scale === 1 ? both : mul(both, attrs.scale)
    return [z ? mul(y, silu(z)) : y]
  },
  reference: (inputs, attrs, outputs) => {
    const { forward, backward, z } = scanDirections(inputs, attrs)
    const [y, other] = [forward, backward].map((one) => selectiveScanOp.reference!(one.inputs, one.attrs, outputs)[0])
    return [y.map((x, i) => (((x + other[i]) * attrs.scale) / (z ? 1 + Math.exp(-z.data[i]) : 1)) * (z ? z.data[i] : 1))]
  },
  flops: (inputs, outputs, attrs) => {
    const { forward, backward, z } = scanDirections(inputs, attrs)
    const scans = [forward, backward].map((one) => selectiveScanOp.flops(one.inputs, outputs, one.attrs))
    const elements = outputs[0].shape.reduce((size, d) => size * d, 1)
    return scans[0] + scans[1] + elements * (1 + (attrs.scale === 1 ? 0 : 1) + (z ? 3 : 0))
  },
}

/** What one direction is scanned with, in token order; shapes as for `selectiveScan`. */
export interface ScanDirection {
  readonly u: Tensor
  readonly delta: Tensor
  readonly a: Tensor
  readonly b: Tensor
  readonly c: Tensor
  /** [D]: adds d u to the direction's output. */
  readonly d?: Tensor | undefined
  /** [D]: added to delta. */
  readonly deltaBias?: Tensor | undefined
}

export interface BidirectionalScanOptions {
  /** [N, L, D]: multiplies the sum by silu(z). */
  readonly z?: Tensor | undefined
  /** Takes softplus of delta, after the bias. Default: false. */
  readonly deltaSoftplus?: boolean | undefined
  /** Multiplies the sum of both directions. Default: 1. */
  readonly scale?: number | undefined
}

/**
 * Two selective scans, one from the first position to the last, one from the last to the first: their sum times `scale`,
 * times silu(z). The directions may share tensors. Throws `ShapeError`, and `ArgumentError` where only one direction has
 * `d` or `deltaBias`. Zhu et al., "Vision Mamba", arXiv 2401.09417.
 *
 * @example
 * const y = bidirectionalScan({ u, delta, a, b, c, d }, { u, delta, a: other, b, c, d }, { z, deltaSoftplus: true, scale: 0.5 })
 */
export function bidirectionalScan(
  forward: ScanDirection,
  backward: ScanDirection,
  { z, deltaSoftplus = false, scale = 1 }: BidirectionalScanOptions = {},
): Tensor {
  for (const name of ['d', 'deltaBias'] as const)
    if ((forward[name] === undefined) !== (backward[name] === undefined))
      throw new ArgumentError(`bidirectionalScan takes ${name} for both directions, or for neither`)
  const { d, deltaBias } = forward
  const inputs = [forward, backward].flatMap(({ u, delta, a, b, c, d, deltaBias }) => [u, delta, a, b, c, d, deltaBias])
  const attrs = { skip: !!d, gate: !!z, bias: !!deltaBias, softplus: deltaSoftplus, scale }
  return apply1(
    bidirectionalScanOp,
    [...inputs, z].filter((t) => t !== undefined),
    attrs,
  )
}

import { apply } from '../dispatch.js'
import { DTypeError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { formatShape, sameShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { add } from './arithmetic.js'
import { layerNorm, layerNormOp } from './layer-norm.js'
import { rmsNorm, rmsNormOp } from './rms-norm.js'

export type AddNormAttrs = { readonly norm: 'rms' | 'layer'; readonly eps: number }

const normOps = { rms: rmsNormOp, layer: layerNormOp }

/** Inputs x, residual, then weight and, of a layer norm, bias, or neither; outputs the norm of the sum, and the sum. */
export const addNormOp: Op<AddNormAttrs> = {
  name: 'addNorm',
  infer: ([x, residual, ...affine], { norm, eps }) => {
    if (!sameShape(x.shape, residual.shape))
      throw new ShapeError(
        `addNorm of ${formatShape(x.shape)} needs a residual of the same shape, got ${formatShape(residual.shape)}`,
      )
    if (x.dtype !== residual.dtype)
      throw new DTypeError(`addNorm got ${x.dtype} and a residual of ${residual.dtype}; cast() one of them`)
    return [...normOps[norm].infer([x, ...affine], { eps }), { shape: x.shape, dtype: x.dtype }]
  },
  decompose: ([x, residual, weight, bias], { norm, eps }) => {
    const sum = add(x, residual)
    return [norm === 'rms' ? rmsNorm(sum, weight, eps) : layerNorm(sum, weight, bias, eps), sum]
  },
  reference: ([x, residual, ...affine], { norm, eps }, [y]) => {
    const sum = x.data.map((value, i) => value + residual.data[i])
    return [...normOps[norm].reference!([{ ...x, data: sum }, ...affine], { eps }, [y]), sum]
  },
  flops: ([x, , ...affine], [y], { norm, eps }) => sizeOf(x.shape) + normOps[norm].flops([x, ...affine], [y], { eps }),
}

export interface AddNormOptions {
  /** RMS norm has a weight, layer norm weight and bias; without them only the rows are normalised. */
  readonly norm: 'rms' | 'layer'
  /** [C] */
  readonly weight?: Tensor | undefined
  /** [C], of a layer norm. */
  readonly bias?: Tensor | undefined
  /** Under the root. */
  readonly eps: number
}

/**
 * Adds `x` to the residual stream, if there is one already, and normalises the sum's last axis, in one step: what a
 * pre-norm block starts with. Gives the norm and the sum. Throws `ShapeError`, `DTypeError`.
 *
 * @example
 * const { y, sum } = addNorm(x, residual, { norm: 'rms', weight, eps: 1e-5 })
 */
export function addNorm(
  x: Tensor,
  residual: Tensor | undefined,
  { norm, weight, bias, eps }: AddNormOptions,
): { readonly y: Tensor; readonly sum: Tensor } {
  if (!residual) return { y: norm === 'rms' ? rmsNorm(x, weight, eps) : layerNorm(x, weight, bias, eps), sum: x.alias() }
  const inputs = [x, residual, weight, norm === 'layer' ? bias : undefined].filter((t) => t !== undefined)
  const [y, sum] = apply(addNormOp, inputs, { norm, eps })
  return { y, sum }
}

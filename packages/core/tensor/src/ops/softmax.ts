import { apply1 } from '../dispatch.js'
import type { NdArray, Op } from '../op.js'
import { scope } from '../scope.js'
import { resolveAxis, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { exp, mul, sub } from './arithmetic.js'
import { sum } from './reduce.js'
import { transpose } from './view.js'

/** Over the last axis; a row of only -Infinity gives NaN, as the definition does. */
export const softmaxOp: Op<Record<never, never>> = {
  name: 'softmax',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([g], { outputs: [y] }) => [mul(y, sub(g!, sum(mul(g!, y), [-1], true)))],
  reference: ([x]) => [
    eachRow(x, (row) => {
      const peak = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
      const powers = row.map((v) => Math.exp(v - peak))
      const total = powers.reduce((a, b) => a + b, 0)
      return powers.map((v) => v / total)
    }),
  ],
  flops: ([x]) => 5 * sizeOf(x.shape),
}

export const logSoftmaxOp: Op<Record<never, never>> = {
  name: 'logSoftmax',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([g], { outputs: [y] }) => [sub(g!, mul(exp(y), sum(g!, [-1], true)))],
  reference: ([x]) => [
    eachRow(x, (row) => {
      const peak = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
      const total = Math.log(row.reduce((a, b) => a + Math.exp(b - peak), 0))
      return row.map((v) => v - peak - total)
    }),
  ],
  flops: ([x]) => 5 * sizeOf(x.shape),
}

function eachRow(x: NdArray, f: (row: Float64Array) => Float64Array): Float64Array {
  const n = x.shape[x.shape.length - 1] ?? 1
  const out = new Float64Array(x.data.length)
  for (let at = 0; at < out.length; at += n) out.set(f(x.data.subarray(at, at + n)), at)
  return out
}

function alongAxis(op: typeof softmaxOp, x: Tensor, axis: number): Tensor {
  const at = resolveAxis(axis, x.rank)
  if (at === x.rank - 1) return apply1(op, [x], {})
  return scope(() => transpose(apply1(op, [transpose(x, at, -1)], {}), at, -1))
}

/** `exp(x) / sum(exp(x))` along an axis, the last by default. */
export const softmax = (x: Tensor, axis = -1): Tensor => alongAxis(softmaxOp, x, axis)

/** `x - log(sum(exp(x)))` along an axis, the last by default. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => alongAxis(logSoftmaxOp, x, axis)

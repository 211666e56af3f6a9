import { apply1 } from '../dispatch.js'
import { ShapeError } from '../errors.js'
import type { NdArray, Op } from '../op.js'
import { scope } from '../scope.js'
import { formatShape, resolveAxis, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { exp, mul, sub } from './arithmetic.js'
import { applyEpilogue, checkEpilogue, type Epilogue, epilogueFlops, unfused } from './epilogue.js'
import { sum } from './reduce.js'
import { transpose } from './view.js'

/** Over the last axis; a row of only -Infinity gives NaN, as the definition does. */
export const softmaxOp: Op<Record<never, never>> = {
  name: 'softmax',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([g], { outputs: [y] }) => [mul(y, sub(g!, sum(mul(g!, y), [-1], true)))],
  reference: ([x]) => [eachRow(x, softmaxOf)],
  flops: ([x]) => 5 * sizeOf(x.shape),
}

/**
 * Softmax over the last axis but one, in one pass over the memory as it lies. A fused epilogue weights the results, as
 * EfficientViM's mixer does.
 */
export const softmaxColumnsOp: Op<Epilogue> = {
  name: 'softmaxColumns',
  infer: ([x, ...extras], { epilogue }) => {
    if (x.shape.length < 2) throw new ShapeError(`softmaxColumns needs at least two axes, got ${formatShape(x.shape)}`)
    checkEpilogue('softmaxColumns', epilogue, extras, x.shape)
    return [{ shape: x.shape, dtype: x.dtype }]
  },
  vjp: ([g], { outputs: [y] }) => [mul(y, sub(g!, sum(mul(g!, y), [-2], true)))],
  decompose: ([x, ...extras], { epilogue }) =>
    epilogue ? unfused(apply1(softmaxColumnsOp, [x], {}), epilogue, extras) : [transpose(apply1(softmaxOp, [transpose(x)], {}))],
  reference: ([x, ...extras], { epilogue }) => {
    const [length, columns] = x.shape.slice(-2)
    const out = new Float64Array(x.data.length)
    for (let first = 0; first < out.length; first += length * columns)
      for (let c = first; c < first + columns; c++) {
        const row = Float64Array.from({ length }, (_, i) => x.data[c + i * columns])
        for (const [i, v] of softmaxOf(row).entries()) out[c + i * columns] = v
      }
    return [applyEpilogue(out, epilogue, extras)]
  },
  flops: ([x], _, { epilogue }) => 5 * sizeOf(x.shape) + epilogueFlops(epilogue, x.shape),
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

function softmaxOf(row: Float64Array): Float64Array {
  const peak = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const powers = row.map((v) => Math.exp(v - peak))
  const total = powers.reduce((a, b) => a + b, 0)
  return powers.map((v) => v / total)
}

function eachRow(x: NdArray, f: (row: Float64Array) => Float64Array): Float64Array {
  const n = x.shape[x.shape.length - 1] ?? 1
  const out = new Float64Array(x.data.length)
  for (let at = 0; at < out.length; at += n) out.set(f(x.data.subarray(at, at + n)), at)
  return out
}

/** `exp(x) / sum(exp(x))` along an axis, the last by default. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const at = resolveAxis(axis, x.rank)
  if (at === x.rank - 1) return apply1(softmaxOp, [x], {})
  if (at === x.rank - 2) return apply1(softmaxColumnsOp, [x], {})
  return scope(() => transpose(apply1(softmaxColumnsOp, [transpose(x, at, -2)], {}), at, -2))
}

/** `x - log(sum(exp(x)))` along an axis, the last by default. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const at = resolveAxis(axis, x.rank)
  if (at === x.rank - 1) return apply1(logSoftmaxOp, [x], {})
  return scope(() => transpose(apply1(logSoftmaxOp, [transpose(x, at, -1)], {}), at, -1))
}

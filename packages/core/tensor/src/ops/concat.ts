import { apply1 } from '../dispatch.js'
import { ArgumentError, DTypeError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { scope } from '../scope.js'
import { formatShape, resolveAxis, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { slice } from './view.js'

export const concatOp: Op<{ readonly axis: number }> = {
  name: 'concat',
  infer: (inputs, { axis }) => {
    const [first] = inputs
    for (const x of inputs) {
      if (x.dtype !== first.dtype) throw new DTypeError(`concat got ${first.dtype} and ${x.dtype}; cast() one of them`)
      if (x.shape.length !== first.shape.length || x.shape.some((d, i) => i !== axis && d !== first.shape[i])) {
        throw new ShapeError(
          `concat along axis ${axis} needs the other axes equal, got ${formatShape(first.shape)} and ${formatShape(x.shape)}`,
        )
      }
    }
    const length = inputs.reduce((n, x) => n + x.shape[axis], 0)
    return [{ shape: first.shape.map((d, i) => (i === axis ? length : d)), dtype: first.dtype }]
  },
  vjp: ([g], { inputs, attrs: { axis } }) => {
    let at = 0
    return inputs.map((x) => slice(g!, axis, at, (at += x.shape[axis])))
  },
  reference: (inputs, { axis }, [out]) => {
    const result = new Float64Array(sizeOf(out.shape))
    const inner = sizeOf(out.shape.slice(axis + 1))
    const row = out.shape[axis] * inner
    let at = 0
    for (const x of inputs) {
      const own = x.shape[axis] * inner
      for (let outer = 0; own > 0 && outer * own < x.data.length; outer++)
        result.set(x.data.subarray(outer * own, (outer + 1) * own), outer * row + at)
      at += own
    }
    return [result]
  },
  flops: () => 0,
}

/** Devices bind a limited number of buffers at a time. */
const mostInputs = 32

/** The tensors one after the other along an axis. Throws `ShapeError` unless the other axes are equal. */
export function concat(tensors: readonly Tensor[], axis = -1): Tensor {
  if (tensors.length === 0) throw new ArgumentError('concat needs at least one tensor')
  const at = resolveAxis(axis, tensors[0].rank)
  if (tensors.length > mostInputs) {
    const groups = Array.from({ length: Math.ceil(tensors.length / mostInputs) }, (_, i) =>
      tensors.slice(i * mostInputs, (i + 1) * mostInputs),
    )
    return scope(() =>
      concat(
        groups.map((group) => concat(group, at)),
        at,
      ),
    )
  }
  return tensors.length === 1 ? tensors[0].alias() : apply1(concatOp, tensors, { axis: at })
}

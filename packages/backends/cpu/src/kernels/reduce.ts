import { contiguousStrides, type ReduceKind } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { collapse } from '../layout.js'
import { refuseTypes } from '../refuse.js'

/** Sums, means, maxima and minima over any axes. */
export const reduce: KernelSpec = {
  name: 'reduce',
  op: 'reduce',
  select: (call) => {
    const [x] = call.inputs
    const refusal = refuseTypes(call, ['f32', 'i32'])
    if (refusal) return refusal
    const { kind, axes } = call.attrs as { readonly kind: ReduceKind; readonly axes: readonly number[] }
    // Reduced axes get stride 0 in the output, so only axes of one kind merge.
    const to = contiguousStrides(call.outputs[0].shape).map((s, axis) => (axes.includes(axis) ? 0 : s))
    const { dims, strides } = collapse(x.shape, [x.strides, to])
    const axesWhere = (reduced: boolean) => {
      const list = dims.map((_, axis) => axis).filter((axis) => (strides[1][axis] === 0) === reduced)
      return { dims: list.map((axis) => dims[axis]), strides: list.map((axis) => strides[0][axis]) }
    }
    const params: Params = {
      kind,
      dtype: x.dtype,
      kept: axesWhere(false),
      reduced: axesWhere(true),
      count: axes.reduce((n, axis) => n * x.shape[axis], 1),
    }
    return { kernel: 'reduce', params }
  },
}

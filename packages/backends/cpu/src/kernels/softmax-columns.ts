import { contiguousStrides, type Expr } from '@scanline/tensor'
import { planEpilogue } from '../epilogue.js'
import type { KernelSpec, Params } from '../kernel.js'
import { innermostContiguous, packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'

/** Softmax along the rows of matrices, and the epilogue that weights something with it. */
export const softmaxColumns: KernelSpec = {
  name: 'softmaxColumns',
  op: 'softmaxColumns',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const { shape } = call.inputs[0]
    const [length, columns] = shape.slice(-2)
    // The epilogue's inputs may be broadcast along columns.
    const packed = (i: number) => i === 0 && !innermostContiguous(call.inputs[i])
    const [x, ...extras] = call.inputs.map((t, i) => (packed(i) ? contiguousStrides(t.shape) : t.strides))
    const epilogue = planEpilogue(
      call.attrs.epilogue as Expr | undefined,
      extras.map((s) => ({ row: s[s.length - 2], column: s[s.length - 1] })),
    )
    const params: Params = {
      dims: shape.slice(0, -2),
      strides: [x, ...extras].map((s) => s.slice(0, -2)),
      length,
      columns,
      rowStride: x[x.length - 2],
      ...epilogue,
    }
    return { kernel: 'softmaxColumns', params, ...packInputs(call.inputs, (_, i) => packed(i)) }
  },
}

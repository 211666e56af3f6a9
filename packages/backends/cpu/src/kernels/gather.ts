import { bytesPerElement, isContiguous, sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { movable, refuseTypes } from '../refuse.js'

/** Rows by index; zeros for an index outside. */
export const gather: KernelSpec = {
  name: 'gather',
  op: 'gather',
  select: (call) => {
    const [x, index] = call.inputs
    const refusal = refuseTypes(call, movable, [x]) ?? refuseTypes(call, ['i32'], [index])
    if (refusal) return refusal
    const rest = x.shape.slice(1)
    const dense = isContiguous(rest, x.strides.slice(1))
    const size = bytesPerElement[x.dtype]
    const bytes = sizeOf(rest) * size
    const params: Params = {
      rows: x.shape[0],
      bytes,
      stride: dense ? x.strides[0] * size : bytes,
      items: bytes === 0 ? 0 : sizeOf(index.shape),
    }
    return { kernel: 'gather', params, ...packInputs(call.inputs, (t) => (t === x ? !dense : !isContiguous(t.shape, t.strides))) }
  },
}

import { type OpCall, type Refusal, sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { refuseTypes } from '../refuse.js'
import { asRows } from '../rows.js'

/** Rows normalised; with `added` two inputs are summed first, and the sum is a second output. */
function select(call: OpCall, norm: 'layer' | 'rms', added: boolean): ReturnType<NonNullable<KernelSpec['select']>> {
  const refusal: Refusal | undefined = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const values = added ? 2 : 1
  const [x] = call.inputs
  const columns = x.shape[x.shape.length - 1]
  const { rows: strides, prepare } = asRows(call.inputs, 0, ({ column }) => columns <= 1 || column === 1)
  const params: Params = {
    norm,
    rows: columns === 0 ? 0 : sizeOf(x.shape) / columns,
    columns,
    inputs: strides.slice(0, values).map(({ row }) => row),
    affine: call.inputs.length - values,
    eps: call.attrs.eps as number,
  }
  return { kernel: 'norm', params, prepare }
}

/** Mean 0 and variance 1 along the last axis. */
export const layerNorm: KernelSpec = { name: 'layerNorm', op: 'layerNorm', select: (call) => select(call, 'layer', false) }

/** Root mean square 1 along the last axis. */
export const rmsNorm: KernelSpec = { name: 'rmsNorm', op: 'rmsNorm', select: (call) => select(call, 'rms', false) }

/** Either of a sum, which is a result too. */
export const addNorm: KernelSpec = {
  name: 'addNorm',
  op: 'addNorm',
  select: (call) => select(call, call.attrs.norm as 'layer' | 'rms', true),
}

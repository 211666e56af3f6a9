import { type OpCall, sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { refuseTypes } from '../refuse.js'
import { asRows } from '../rows.js'

function select(call: OpCall, logarithm: boolean): ReturnType<NonNullable<KernelSpec['select']>> {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const [x] = call.inputs
  const columns = x.shape.at(-1) ?? 1
  const { rows, prepare } = asRows([x], 0, ({ column }) => columns <= 1 || column === 1)
  const params: Params = {
    logarithm,
    rows: columns === 0 ? 0 : sizeOf(x.shape) / columns,
    columns,
    stride: rows[0].row,
  }
  return { kernel: 'softmax', params, prepare }
}

export const softmax: KernelSpec = { name: 'softmax', op: 'softmax', select: (call) => select(call, false) }

export const logSoftmax: KernelSpec = { name: 'logSoftmax', op: 'logSoftmax', select: (call) => select(call, true) }

import { bytesPerElement, isContiguous, sizeOf } from '@scanline/tensor'
import { i32 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { copyRow, fillRow } from '../move.js'
import { packInputs } from '../pack-inputs.js'
import { movable, refuseTypes } from '../refuse.js'

interface GatherParams extends Split {
  readonly bytes: number
  readonly rows: number
  /** Elements of a row, and from one row to the next. */
  readonly length: number
  readonly stride: number
}

/** Rows by index; zeros for an index outside. */
export const gather = defineKernel<GatherParams>({
  name: 'gather',
  op: 'gather',
  select: (call) => {
    const [x, index] = call.inputs
    const refusal = refuseTypes(call, movable, [x]) ?? refuseTypes(call, ['i32'], [index])
    if (refusal) return refusal
    const rest = x.shape.slice(1)
    const length = sizeOf(rest)
    const dense = isContiguous(rest, x.strides.slice(1))
    const bytes = bytesPerElement[x.dtype]
    return {
      kernel: 'gather',
      params: {
        ...split(length === 0 ? 0 : sizeOf(index.shape), 10 + (length * bytes) / 16),
        bytes,
        rows: x.shape[0],
        length,
        stride: dense ? x.strides[0] : length,
      },
      ...packInputs(call.inputs, (t) => (t === x ? !dense : !isContiguous(t.shape, t.strides))),
    }
  },
  emit: (k, { bytes, rows, length, stride }) =>
    k.define(3, (f, [x, index, output], { begin, end }) =>
      f.for(begin, end, 1, (i) => {
        const row = f.let(i32.load(element(index, i, 4)))
        const target = f.let(element(output, i, length * bytes))
        f.if(
          // Unsigned, so that negative indices are outside too.
          i32.lt_u(row, rows),
          () => copyRow(f, bytes, target, f.let(element(x, row, stride * bytes)), 1, length),
          () => fillRow(f, target, [0], length * bytes),
        )
      }),
    ),
})

import { bytesPerElement, contiguousStrides, encode, type PadAttrs, sizeOf, type TensorSpec } from '@scanline/tensor'
import { i32 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { copyRow, fillRow, spreadRow } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

/** One axis of the input and what is put around and between its elements. */
interface PaddedAxis {
  readonly length: number
  /** In elements of the input. */
  readonly stride: number
  readonly before: number
  readonly after: number
  readonly interior: number
}

interface PadParams extends Split {
  readonly bytes: number
  /** Outermost first; an item is one row of the output along the last. */
  readonly axes: readonly PaddedAxis[]
  /** The bits of the value, as bytes. */
  readonly value: readonly number[]
}

const padded = ({ length, before, after, interior }: PaddedAxis) => before + length + Math.max(0, length - 1) * interior + after

/** The axes of `pad`, those without padding merged into the one before. */
export function padAxes({ shape, strides }: TensorSpec, { before, after, interior }: PadAttrs): PaddedAxis[] {
  const axes: PaddedAxis[] = []
  shape.forEach((length, i) => {
    const axis = { length, stride: strides[i], before: before[i], after: after[i], interior: interior[i] }
    const last = axes.at(-1)
    const bare = axis.before + axis.after + axis.interior === 0
    const mergeable = last && bare && last.interior === 0 && (last.length === 1 || last.stride === length * axis.stride)
    if (mergeable && length > 0) {
      axes[axes.length - 1] = {
        length: last.length * length,
        stride: axis.stride,
        before: last.before * length,
        after: last.after * length,
        interior: 0,
      }
    } else axes.push(axis)
  })
  return axes.length > 0 ? axes : [{ length: 1, stride: 1, before: 0, after: 0, interior: 0 }]
}

/** Row by row of the output: the value where the row lies in the padding, else the value around a row of the input. */
export const pad = defineKernel<PadParams>({
  name: 'pad',
  op: 'pad',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const [x] = call.inputs
    const attrs = call.attrs as PadAttrs
    const axes = padAxes(x, attrs)
    const rows = sizeOf(axes.slice(0, -1).map(padded))
    const length = padded(axes[axes.length - 1])
    const bytes = bytesPerElement[x.dtype]
    return {
      kernel: 'pad',
      params: {
        ...split(length === 0 ? 0 : rows, 10 * axes.length + (length * bytes) / 16),
        bytes,
        axes,
        value: Array.from(encode(x.dtype, [attrs.value])),
      },
    }
  },
  emit: (k, { bytes, axes, value }) =>
    k.define(2, (f, [x, output], { begin, end }) => {
      const outer = axes.slice(0, -1)
      const last = axes[axes.length - 1]
      const length = padded(last)
      const own = contiguousStrides(outer.map(padded))
      f.for(begin, end, 1, (row) => {
        const source = f.let<'i32'>(i32.const(0))
        const inside = f.let<'i32'>(i32.const(outer.every((axis) => axis.length > 0) && last.length > 0 ? 1 : 0))
        const rest = f.let<'i32'>(row)
        outer.forEach((axis, n) => {
          const index = f.let(n === outer.length - 1 ? rest : i32.div_u(rest, own[n]))
          f.set(rest, i32.sub(rest, i32.mul(index, own[n])))
          // Unsigned: what lies before the axis becomes larger than any index.
          const position = f.let(i32.sub(index, axis.before))
          const step = axis.interior + 1
          const span = (axis.length - 1) * step + 1
          f.set(inside, i32.and(inside, i32.lt_u(position, Math.max(0, span))))
          const at = f.let(i32.div_u(position, step))
          if (step > 1) f.set(inside, i32.and(inside, i32.eq(position, i32.mul(at, step))))
          f.set(source, i32.add(source, i32.mul(at, axis.stride)))
        })
        const target = f.let(element(output, row, length * bytes))
        const fill = (from: number, count: number) => fillRow(f, f.let(i32.add(target, from * bytes)), value, count * bytes)
        f.if(
          inside,
          () => {
            const read = f.let(element(x, source, bytes))
            const write = f.let(i32.add(target, last.before * bytes))
            if (last.interior > 0) {
              fill(0, length)
              spreadRow(f, bytes, write, last.interior + 1, read, last.stride, last.length)
            } else {
              fill(0, last.before)
              copyRow(f, bytes, write, read, last.stride, last.length)
              fill(last.before + last.length, last.after)
            }
          },
          () => fill(0, length),
        )
      })
    }),
})

import { sizeOf } from '@scanline/tensor'
import { f32x4, i32, i32x4, v128 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'

interface ScatterAddParams extends Split {
  readonly dtype: 'f32' | 'i32'
  readonly rows: number
  /** Entries of the index. */
  readonly count: number
  /** Elements of a row. */
  readonly length: number
}

/** An item is four columns of all rows, so every sum is made by one thread, in the order of the index. */
export const scatterAdd = defineKernel<ScatterAddParams>({
  name: 'scatterAdd',
  op: 'scatterAdd',
  select: (call) => {
    const [g, index] = call.inputs
    const refusal = refuseTypes(call, ['f32', 'i32'], [g]) ?? refuseTypes(call, ['i32'], [index])
    if (refusal) return refusal
    const rows = call.attrs.rows as number
    const length = sizeOf(call.outputs[0].shape.slice(1))
    const count = sizeOf(index.shape)
    return {
      kernel: 'scatterAdd',
      params: {
        ...split(rows === 0 ? 0 : Math.ceil(length / 4), rows + 6 * count),
        dtype: g.dtype as 'f32' | 'i32',
        rows,
        count,
        length,
      },
      ...packInputs(call.inputs),
    }
  },
  emit: (k, { dtype, rows, count, length }) =>
    k.define(3, (f, [g, index, output], { begin, end }) => {
      const add = dtype === 'i32' ? i32x4.add : f32x4.add
      const columns = (column: typeof begin, lanes: number) => {
        const first = f.let(element(output, column, 4))
        const source = f.let(element(g, column, 4))
        const target = f.let<'i32'>(first)
        f.for(0, rows, 1, () => {
          f.store.lanes(target, f32x4.const(0), lanes)
          f.set(target, i32.add(target, 4 * length))
        })
        f.for(index, f.let(i32.add(index, 4 * count)), 4, (at) => {
          const row = f.let(i32.load(at))
          f.if(i32.lt_u(row, rows), () => {
            f.set(target, element(first, row, 4 * length))
            f.store.lanes(target, add(v128.load(target), v128.load(source)), lanes)
          })
          f.set(source, i32.add(source, 4 * length))
        })
      }
      const whole = length - (length % 4)
      f.for(begin, end, 1, (item) => {
        const column = f.let(i32.mul(item, 4))
        if (length % 4 === 0) columns(column, 4)
        else
          f.if(
            i32.lt_u(column, whole),
            () => columns(column, 4),
            () => columns(column, length % 4),
          )
      })
    }),
})

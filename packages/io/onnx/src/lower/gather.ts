import type { Lower } from '../context.js'
import { Value } from '../value.js'

/** Rows outside are zero, which ONNX has no operator for: a row of zeros is put in front, and theirs is it. */
export const gather: Lower = ({ builder, inputs: [x, index], dims: [dims], set }) => {
  const [rows, ...row] = x.dims
  const before = row.flatMap(() => 0)
  const padded = builder.add('Pad', [x.get(), builder.ints([1, ...before, 0, ...before])])
  const outside = builder.add('Or', [
    builder.add('Less', [index.get(), builder.scalar(0, 'i32')]),
    builder.add('GreaterOrEqual', [index.get(), builder.add('Cast', [builder.shape([rows])], { to: { int: 6 } })]),
  ])
  const shifted = builder.add('Where', [
    outside,
    builder.scalar(0, 'i32'),
    builder.add('Add', [index.get(), builder.scalar(1, 'i32')]),
  ])
  set(0, Value.of(builder, dims, x.dtype, builder.add('Gather', [padded, shifted], { axis: { int: 0 } })))
}

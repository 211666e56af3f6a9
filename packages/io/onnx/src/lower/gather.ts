import type { Lower } from '../context.js'
import { Value } from '../value.js'

/** Rows outside are zero, for which there is no operator: a row of zeros is put in front, and what is outside gets that. */
export const gather: Lower = ({ builder, inputs: [x, index], dims: [dims], set, refuse }) => {
  const [rows, ...row] = x.dims
  if (typeof rows !== 'number') throw refuse('its rows are those of all images; gather along another axis')
  const zeros = row.map(() => 0)
  const padded = builder.add('Pad', [x.get(), builder.ints([1, ...zeros, 0, ...zeros])])
  const number = (value: number): string => builder.scalar(value, 'i32')
  const outside = builder.add('Or', [
    builder.add('Less', [index.get(), number(0)]),
    builder.add('GreaterOrEqual', [index.get(), number(rows)]),
  ])
  const shifted = builder.add('Where', [outside, number(0), builder.add('Add', [index.get(), number(1)])])
  set(0, Value.of(builder, dims, x.dtype, builder.add('Gather', [padded, shifted], { axis: { int: 0 } })))
}

import type { DType } from '@scanline/tensor'
import { broadcast } from '../broadcast.js'
import type { Lower } from '../context.js'
import { sameDim } from '../dims.js'
import { channelsFirst, commonOrder, identity, type Order, sameOrder, Value } from '../value.js'
import { cast } from './pointwise.js'

export const permute: Lower = ({ node, inputs: [x], set }) => set(0, x.permuted(node.attrs.axes as number[]))

/** Batch in front and channels behind stay where they are in many reshapes: those can be had channels first too. */
export const reshape: Lower = ({ builder, inputs: [x], dims: [dims], set }) => {
  const ends = (a: readonly unknown[]): boolean => a.length > 2
  const keepsEnds =
    ends(dims) && ends(x.dims) && sameDim(dims[0], x.dims[0]) && sameDim(dims[dims.length - 1], x.dims[x.rank - 1])
  const point = x.rank > 2 && x.dims.slice(1, -1).every((d) => d === 1)
  const from = (order: Order): Order | undefined => {
    if (sameOrder(order, identity(dims.length))) {
      // A map of one position has its elements in the same order either way.
      return point && !x.has() && x.has(channelsFirst(x.rank)) ? channelsFirst(x.rank) : identity(x.rank)
    }
    return keepsEnds && sameOrder(order, channelsFirst(dims.length)) ? channelsFirst(x.rank) : undefined
  }
  const source = {
    has: (order: Order) => {
      const needed = from(order)
      return needed !== undefined && x.has(needed)
    },
    make: (order: Order) =>
      builder.reshape(
        x.get(from(order)!),
        order.map((axis) => dims[axis]),
      ),
  }
  set(0, Value.from(builder, dims, x.dtype, source))
}

export const broadcastTo: Lower = ({ builder, inputs: [x], dims: [dims], set }) => set(0, broadcast(x, dims, builder))

export const slice: Lower = ({ builder, node, inputs: [x], dims: [dims], set, refuse }) => {
  const { start, end, step } = node.attrs as { start: number[]; end: number[]; step: number[] }
  const cut = identity(x.rank).filter((axis) => !sameDim(dims[axis], x.dims[axis]) || step[axis] !== 1)
  if (cut.some((axis) => typeof x.dims[axis] !== 'number'))
    throw refuse('it takes some images of a batch whose number is not known, as it would be with { dynamicBatch: false }')
  const along = (order: Order, values: readonly number[]): string => builder.ints(inOrder(order, cut).map((axis) => values[axis]))
  set(
    0,
    Value.from(builder, dims, x.dtype, {
      has: (order) => x.has(order),
      make: (order) => {
        const axes = inOrder(order, cut).map((axis) => order.indexOf(axis))
        return builder.add('Slice', [
          x.get(order),
          along(order, start),
          along(order, end),
          builder.ints(axes),
          along(order, step),
        ])
      },
    }),
  )
}

const inOrder = (order: Order, axes: readonly number[]): number[] => order.filter((axis) => axes.includes(axis))

export const flip: Lower = ({ builder, node, inputs: [x], dims: [dims], set }) => {
  const axes = node.attrs.axes as number[]
  const each = (value: number): string => builder.ints(axes.map(() => value))
  set(
    0,
    Value.from(builder, dims, x.dtype, {
      has: (order) => x.has(order),
      // From the last element back, to before the first.
      make: (order) =>
        builder.add('Slice', [
          x.get(order),
          each(-1),
          each(-(2 ** 31)),
          builder.ints(axes.map((a) => order.indexOf(a))),
          each(-1),
        ]),
    }),
  )
}

export const pad: Lower = ({ builder, node, inputs: [x], dims: [dims], set, refuse }) => {
  const { before, after, interior, value } = node.attrs as Record<'before' | 'after' | 'interior', number[]> & { value: number }
  if (interior.some((n) => n > 0)) throw refuse('it pads between elements')
  if ([...before, ...after].every((n) => n === 0)) return set(0, x)
  set(
    0,
    Value.from(builder, dims, x.dtype, {
      has: (order) => x.has(order),
      make: (order) => {
        const pads = builder.ints([...order.map((axis) => before[axis]), ...order.map((axis) => after[axis])])
        return builder.add('Pad', [x.get(order), pads, ...(value === 0 ? [] : [builder.scalar(value, x.dtype)])])
      },
    }),
  )
}

export const concat: Lower = ({ builder, node, inputs, dims: [dims], set }) => {
  const axis = node.attrs.axis as number
  const order = commonOrder(inputs)
  const joined = builder.add(
    'Concat',
    inputs.map((value) => value.get(order)),
    { axis: { int: order.indexOf(axis) } },
  )
  set(0, Value.of(builder, dims, inputs[0].dtype, joined, order))
}

export const copy: Lower = ({ inputs: [x], set }) => set(0, x)

export const convert: Lower = ({ builder, node, inputs: [x], dims: [dims], set }) => {
  const { dtype } = node.attrs as { dtype: DType }
  const source = { has: (order: Order) => x.has(order), make: (order: Order) => cast(builder, x.get(order), dtype) }
  set(0, Value.from(builder, dims, dtype, source))
}

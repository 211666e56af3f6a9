import type { Builder } from './builder.js'
import type { Dims } from './dims.js'
import { type Order, Value } from './value.js'

/** A value repeated along axes of length 1: written only where an operator does not repeat by itself. */
export function broadcast(narrow: Value, dims: Dims, builder: Builder): Value {
  const lead = dims.length - narrow.rank
  const source = {
    has: (order: Order) => (lead === 0 ? narrow.has(order) : false),
    make: (order: Order) => {
      const shape = order.map((axis) => dims[axis])
      return builder.add('Expand', [lead === 0 ? narrow.get(order) : narrow.get(), builder.shape(shape)])
    },
  }
  return Value.from(builder, dims, narrow.dtype, source, narrow)
}

/** The name of an operand that the operator repeats by itself, for a result whose axes are in `order`. */
export function operand(value: Value, order: Order, builder: Builder): string {
  const { narrow } = value
  if (!narrow) return value.get(order)
  if (narrow.narrow) return operand(narrow, order, builder)
  if (narrow.rank === order.length) return narrow.get(order)
  if (order.every((axis, i) => axis === i)) return narrow.get()
  const dims = [...new Array<number>(order.length - narrow.rank).fill(1), ...narrow.dims]
  const aligned = builder.reshape(narrow.get(), dims)
  return Value.of(builder, dims, narrow.dtype, aligned).get(order)
}

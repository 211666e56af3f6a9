import type { Lower } from '../context.js'
import { commonOrder, identity, type Order, Value } from '../value.js'

export const layerNorm: Lower = ({ builder, node, inputs: [x, weight, bias], dims: [dims], set }) => {
  const scale = weight?.get() ?? builder.filled(x.dims[x.rank - 1] as number, 1)
  const attributes = { axis: { int: -1 }, epsilon: { float: node.attrs.eps as number } }
  set(
    0,
    Value.of(
      builder,
      dims,
      x.dtype,
      builder.add('LayerNormalization', [x.get(), scale, ...(bias ? [bias.get()] : [])], attributes),
    ),
  )
}

/** Over the last traced axis, wherever that stands: at the end if it can be there. */
function alongLast(op: string): Lower {
  return ({ builder, inputs: [x], dims: [dims], set }) => {
    const last = x.rank - 1
    const orders = [identity(x.rank), ...x.orders()].filter((order) => x.has(order))
    const order = orders.find((o) => o[last] === last) ?? orders[0] ?? identity(x.rank)
    const y = builder.add(op, [x.get(order)], { axis: { int: order.indexOf(last) } })
    set(0, Value.of(builder, dims, x.dtype, y, order))
  }
}
export const softmax = alongLast('Softmax')
export const logSoftmax = alongLast('LogSoftmax')

const reductions: Readonly<Record<string, string>> = { mean: 'ReduceMean', sum: 'ReduceSum', max: 'ReduceMax', min: 'ReduceMin' }

export const reduce: Lower = ({ builder, node, inputs: [x], dims: [dims], set }) => {
  const { kind, axes } = node.attrs as { kind: string; axes: number[] }
  // To ONNX no axes are all of them.
  if (axes.length === 0) return set(0, x)
  const order: Order = commonOrder([x])
  const places = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b)
  // Axes became an input with opset 18, of sums with 13.
  const asInput = builder.opset >= 18 || kind === 'sum'
  const inputs = [x.get(order), ...(asInput ? [builder.ints(places)] : [])]
  const y = builder.add(reductions[kind], inputs, { ...(!asInput && { axes: { ints: places } }), keepdims: { int: 1 } })
  set(0, Value.of(builder, dims, x.dtype, y, order))
}

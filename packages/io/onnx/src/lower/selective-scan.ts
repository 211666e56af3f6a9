import { type ScanAttrs, scanOperands } from '@scanline/tensor'
import { operand } from '../broadcast.js'
import type { Builder } from '../builder.js'
import type { Lower } from '../context.js'
import type { Dims } from '../dims.js'
import type { OnnxGraph } from '../model.js'
import { identity, Value } from '../value.js'

/**
 * The recurrence as the standard operator Scan, one position a step, its body on the state [N, S, D]: channels last, so
 * that every elementwise operator runs over contiguous rows of D. Exact: the same products and sums in the same order as
 * the definition. What was measured against it is in the README.
 */
export const selectiveScan: Lower = ({ builder, node, inputs, dims, set, refuse }) => {
  const attrs = node.attrs as unknown as ScanAttrs
  const { u, delta, a, b, c, d, z, deltaBias } = scanOperands(inputs, attrs)
  if (b.rank === 4) throw refuse('its channels are in groups')
  const { dtype } = u
  if (dtype !== 'f32') throw refuse(`the type of its state is ${dtype}; export the model in f32`)
  const channels = u.dims[2] as number
  const states = a.dims[1] as number
  const raw = deltaBias ? builder.add('Add', [delta.get(), deltaBias.get()]) : delta.get()
  const step = attrs.softplus ? builder.add('Softplus', [raw]) : raw
  const alone = (name: string, axis: number): string => builder.add('Unsqueeze', [name, builder.ints([axis])])
  const scanned = [
    alone(step, 2),
    alone(builder.add('Mul', [step, u.get()]), 2),
    alone(operand(b, identity(3), builder), 3),
    alone(operand(c, identity(3), builder), 2),
  ]
  const [batch] = u.dims
  const start = builder.add('Expand', [builder.scalar(0), builder.shape([batch, states, channels])])
  const direction = attrs.reverse ? 1 : 0
  const [last, rows] = builder.addMany('Scan', [start, ...scanned], 2, {
    num_scan_inputs: { int: scanned.length },
    scan_input_axes: { ints: scanned.map(() => 1) },
    scan_output_axes: { ints: [1] },
    scan_input_directions: { ints: scanned.map(() => direction) },
    scan_output_directions: { ints: [direction] },
    body: { graph: body(builder, a.get([1, 0])) },
  })
  let y = builder.add('Squeeze', [rows, builder.ints([2])])
  if (d) y = builder.add('Add', [y, builder.add('Mul', [u.get(), d.get()])])
  if (z) y = builder.add('Mul', [y, builder.add('Mul', [z.get(), builder.add('Sigmoid', [z.get()])])])
  set(0, Value.of(builder, dims[0] as Dims, dtype, y))
  if (attrs.lastState) set(1, Value.of(builder, dims[1], dtype, last, [0, 2, 1]))
}

/** One position: h = exp(delta a) h + (delta u) b, y = c h. `rates` is a constant outside, [S, D]. */
function body(builder: Builder, rates: string): OnnxGraph {
  const name = builder.unique('scan_body')
  const local = (what: string): string => `${name}_${what}`
  const port = (what: string) => ({ name: local(what), dtype: 'f32' }) as const
  const node = (op: string, inputs: readonly string[], output: string) => ({
    op,
    name: local(op === 'Mul' ? output : op),
    inputs,
    outputs: [local(output)],
  })
  return {
    name,
    inputs: ['state', 'delta', 'delta_u', 'b', 'c'].map(port),
    outputs: ['next_state', 'y'].map(port),
    nodes: [
      node('Mul', [local('delta'), rates], 'exponent'),
      node('Exp', [local('exponent')], 'decay'),
      node('Mul', [local('delta_u'), local('b')], 'input'),
      node('Mul', [local('decay'), local('state')], 'kept'),
      node('Add', [local('kept'), local('input')], 'next_state'),
      node('MatMul', [local('c'), local('next_state')], 'y'),
    ],
    initializers: [],
  }
}

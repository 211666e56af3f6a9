import { type ScanAttrs, scanOperands } from '@scanline/tensor'
import type { Builder } from '../builder.js'
import type { Lower } from '../context.js'
import type { Dims } from '../dims.js'
import type { OnnxGraph } from '../model.js'
import { Value } from '../value.js'
import { softplus } from './softplus.js'

/**
 * The recurrence as the standard operator Scan, one position a step, its body on the state [N, G, S, D / G] of G groups:
 * channels last, so that every elementwise operator runs over contiguous rows of D. Exact: the same products and sums in
 * the same order as the definition. What was measured against it is in the README.
 */
export const selectiveScan: Lower = ({ builder, node, inputs, dims, set, refuse }) => {
  const attrs = node.attrs as unknown as ScanAttrs
  const { u, delta, a, b, c, d, z, deltaBias } = scanOperands(inputs, attrs)
  if (u.dtype !== 'f32') throw refuse(`its state would be ${u.dtype}; export the model in f32`)
  const [batch, length, channels] = u.dims as readonly [Dims[0], number, number]
  const states = a.dims[1] as number
  const groups = b.rank === 4 ? (b.dims[2] as number) : 1
  if (channels * states * length === 0) throw refuse('there is nothing to scan')
  // Channels of a group share b and c: [N, L, G, 1, D / G] against [N, L, G, S, 1].
  const rows = (name: string): string => builder.reshape(name, [batch, length, groups, 1, channels / groups])
  const shared = (name: string, ...last: number[]): string => builder.reshape(name, [batch, length, groups, ...last])

  const raw = deltaBias ? builder.add('Add', [delta.get(), deltaBias.get()]) : delta.get()
  const step = attrs.softplus ? softplus(builder, raw) : raw
  const scanned = [rows(step), rows(builder.add('Mul', [step, u.get()])), shared(b.get(), states, 1), shared(c.get(), 1, states)]
  const rates = groups === 1 ? a.get([1, 0]) : groupedRates(builder, a.get(), [groups, channels / groups, states])
  const start = builder.add('Expand', [builder.scalar(0), builder.shape([batch, groups, states, channels / groups])])
  const direction = attrs.reverse ? 1 : 0
  const [last, y] = builder.addMany('Scan', [start, ...scanned], 2, {
    body: { graph: body(builder, rates) },
    num_scan_inputs: { int: scanned.length },
    scan_input_axes: { ints: scanned.map(() => 1) },
    scan_output_axes: { ints: [1] },
    scan_input_directions: { ints: scanned.map(() => direction) },
    scan_output_directions: { ints: [direction] },
  })
  let out = builder.reshape(y, u.dims)
  if (d) out = builder.add('Add', [out, builder.add('Mul', [u.get(), d.get()])])
  if (z) out = builder.add('Mul', [out, builder.add('Mul', [z.get(), builder.add('Sigmoid', [z.get()])])])
  set(0, Value.of(builder, dims[0], u.dtype, out))
  if (!attrs.lastState) return
  const state = groups === 1 ? last : builder.add('Transpose', [last], { perm: { ints: [0, 1, 3, 2] } })
  const order = groups === 1 ? [0, 2, 1] : [0, 1, 2]
  const axes = order.map((axis) => dims[1][axis])
  set(1, Value.of(builder, dims[1], u.dtype, builder.reshape(state, axes), order))
}

/** [D, S] → [G, S, D / G]. */
const groupedRates = (builder: Builder, rates: string, shape: readonly number[]): string =>
  builder.add('Transpose', [builder.reshape(rates, shape)], { perm: { ints: [0, 2, 1] } })

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

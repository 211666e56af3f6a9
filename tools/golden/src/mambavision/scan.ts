import { exp, neg, selectiveScanWithState, type Tensor, tensor, transpose } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { checkTensors } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { fillInput, fillTensor } from '../fill.js'
import { type Context, noteUnread } from '../kind.js'
import { readReference } from '../reference.js'

/** Batch, channels, length, states. */
const sizes = ['b', 'd', 'l', 'n']

/** A case of the scan alone, `[batch, channels, length]` in the file; inputs are filled under their own names. */
export async function runScan(name: string, entry: Field, context: Context): Promise<void> {
  const { backend, dtype } = context.device
  await noteUnread(context, entry, [...sizes, 'uses', 'delta_scale', 'delta_softplus', 'output', 'last_state'])
  const salt = entry.at('salt').string()
  const [n, d, l, states] = sizes.map((key) => entry.at(key).count())
  const uses = entry
    .at('uses')
    .list()
    .map((use) => use.oneOf('D', 'z', 'delta_bias'))
  const put = (values: Float32Array, ...shape: number[]): Tensor => tensor(values, { shape, device: backend, dtype })
  const input = (key: string, rows: number, scale = 1): Tensor => put(fillInput(key, [n, rows, l], salt, scale), n, rows, l)
  const parameter = (key: string, ...shape: number[]): Tensor => put(fillTensor(key, shape, salt), ...shape)
  const given: Record<string, Tensor> = {
    u: input('u', d),
    delta: input('delta', d, entry.at('delta_scale').number()),
    aLog: parameter('A_log', d, states),
    b: input('B', states),
    c: input('C', states),
    ...(uses.includes('D') && { d: parameter('D', d) }),
    ...(uses.includes('z') && { z: input('z', d) }),
    ...(uses.includes('delta_bias') && { deltaBias: parameter('dt_proj.bias', d) }),
  }
  const scan = (...inputs: Tensor[]): Record<string, Tensor> => {
    const t = Object.fromEntries(Object.keys(given).map((key, i) => [key, inputs[i]]))
    const { y, lastState } = selectiveScanWithState(
      transpose(t['u']),
      transpose(t['delta']),
      neg(exp(t['aLog'])),
      transpose(t['b']),
      transpose(t['c']),
      {
        d: t['d'],
        z: t['z'] && transpose(t['z']),
        deltaBias: t['deltaBias'],
        deltaSoftplus: entry.at('delta_softplus').boolean(),
      },
    )
    return { [name]: transpose(y), [`${name}, last state`]: lastState }
  }
  const bound = boundOf(context.device, entry.maybe('float32_error'))
  const state = entry.maybe('last_state')
  const expected = [
    { name, reference: readReference(entry.at('output')), bound },
    ...(state ? [{ name: `${name}, last state`, reference: readReference(state), bound }] : []),
  ]
  try {
    await execute(context, name, scan, Object.values(given), (run, outputs) => checkTensors(context, run, expected, outputs))
  } finally {
    for (const t of Object.values(given)) t.dispose()
  }
}

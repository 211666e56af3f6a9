import { partitionWindows, reverseWindows } from '@scanline/mambavision-mixer'
import { permute, tensor } from '@scanline/tensor'
import { execute } from '../cases/execute.js'
import { inLayout } from '../cases/layout.js'
import { checkTensors } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { type Context, noteUnread } from '../kind.js'
import { readReference, sizeOf } from '../reference.js'

/** A map of 0, 1, 2, … cut into windows, and put together again. */
export async function runWindows(name: string, entry: Field, context: Context): Promise<void> {
  const { backend, dtype } = context.device
  await noteUnread(context, entry, ['input', 'window', 'output'])
  const shape = entry.at('input').at('shape').shape()
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i)
  const window = entry.at('window').count()
  using x = tensor(values, { shape, device: backend, dtype })
  const expected = [
    { name, reference: readReference(entry.at('output')), bound: 0 },
    { name: `${name}, reversed`, reference: { shape, data: [...values] }, bound: 0 },
  ]
  await execute(
    context,
    name,
    (map) => {
      const tokens = partitionWindows(permute(map, [0, 2, 3, 1]), window)
      const back = reverseWindows(tokens, window, { height: shape[2], width: shape[3] })
      return { [name]: tokens, [`${name}, reversed`]: inLayout(back, 'NCHW') }
    },
    [x],
    (run, outputs) => checkTensors(context, run, expected, outputs),
  )
}

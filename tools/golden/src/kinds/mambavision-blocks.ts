import { captureBuffers } from '@scanline/nn'
import { cast } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { inLayout, readInput, readLayout } from '../cases/layout.js'
import { checkState, fillModule, readState } from '../cases/state.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnread } from '../kind.js'
import { buildBlock } from '../mambavision/blocks.js'
import { isMambaVision } from '../mambavision/match.js'
import { runScan } from '../mambavision/scan.js'
import { runWindows } from '../mambavision/windows.js'
import { readReference } from '../reference.js'

/** Single layers with their whole input and output; the scan and the windows alone. */
export const mambavisionBlocks: Kind = {
  name: 'MambaVision blocks',
  matches: (file) => isMambaVision(file) && ['blocks', 'selective_scan', 'window_partition'].some((field) => file.has(field)),
  run: async (file, context) => {
    await noteUnread(context, file, ['blocks', 'selective_scan', 'window_partition'])
    for (const [i, entry] of (file.maybe('blocks')?.list() ?? []).entries()) {
      const name = `blocks[${i}] ${entry.maybe('block')?.string() ?? entry.at('class').string()}`
      await context.part(name, () => runBlock(name, file, entry, context))
    }
    for (const [i, entry] of (file.maybe('selective_scan')?.at('cases').list() ?? []).entries()) {
      const name = `selective_scan[${i}] ${entry.maybe('case')?.string() ?? ''}`.trim()
      await context.part(name, () => runScan(name, entry, context))
    }
    for (const [i, entry] of (file.maybe('window_partition')?.list() ?? []).entries()) {
      const name = `window_partition[${i}]`
      await context.part(name, () => runWindows(name, entry, context))
    }
  },
}

/** `[name, shape, values]` of every running statistic after a forward pass in training mode. */
const readBuffers = (entry: Field): Omit<Expected, 'bound'>[] =>
  (entry.maybe('buffers_after')?.list() ?? []).map((row) => {
    const [name, shape, data] = row.tuple(3)
    return { name: `buffers_after.${name.string()}`, reference: { shape: shape.shape(), data: data.numbers() } }
  })

async function runBlock(name: string, file: Field, entry: Field, context: Context): Promise<void> {
  const { device } = context
  await noteUnread(context, entry, ['args', 'state', 'kept', 'input', 'output', 'layout', 'train', 'buffers_after'])
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const layout = readLayout(entry.maybe('layout'), { input: 'NHWC', output: 'NHWC' })
  const output = entry.at('output')
  const bound = boundOf(device, output.maybe('float32_error'), entry.maybe('float32_error'), file.maybe('float32_error'))
  const expected = [{ name: 'output', reference: readReference(output) }, ...readBuffers(entry)].map((e) => ({ ...e, bound }))
  const block = buildBlock(entry, { device: device.backend, dtype: device.dtype })
  try {
    const entries = readState(entry.at('state'))
    checkState(context, `${name}, state`, block.stateDict(), entries)
    await fillModule(block, entries, salt, entry.maybe('kept'))
    block.train(entry.maybe('train')?.boolean() ?? false)
    using x = readInput(context, `${name}, input`, entry.at('input'), salt, layout.input)
    await execute(
      context,
      name,
      (input) => {
        const { result, buffers } = captureBuffers(block, () => block.forward(input))
        const after = Object.entries(buffers).map(([key, buffer]) => [`buffers_after.${key}`, cast(buffer, device.dtype)])
        return { output: inLayout(result, layout.output), ...Object.fromEntries(after) }
      },
      [x],
      (run, outputs) => checkTensors(context, run, expected, outputs, `${name}, `),
    )
  } finally {
    block.dispose()
  }
}

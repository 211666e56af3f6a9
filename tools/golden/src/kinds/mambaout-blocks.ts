import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { inLayout, readInput, readLayout } from '../cases/layout.js'
import { checkState, fillModule, readState } from '../cases/state.js'
import { checkTensors } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnread } from '../kind.js'
import { buildBlock } from '../mambaout/blocks.js'
import { isMambaOut, originOf } from '../mambaout/match.js'
import { readReference } from '../reference.js'

/** Single layers with their whole input and output. */
export const mambaoutBlocks: Kind = {
  name: 'MambaOut blocks',
  matches: (file) => isMambaOut(file) && file.has('blocks'),
  run: async (file, context) => {
    await noteUnread(context, file, ['blocks'])
    for (const [i, entry] of file.at('blocks').list().entries()) {
      const name = `blocks[${i}] ${entry.maybe('block')?.string() ?? entry.at('class').string()}`
      await context.part(name, () => runBlock(name, file, entry, context))
    }
  },
}

async function runBlock(name: string, file: Field, entry: Field, context: Context): Promise<void> {
  const { device } = context
  await noteUnread(context, entry, ['args', 'state', 'kept', 'input', 'output', 'layout'])
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const layout = readLayout(entry.maybe('layout'), { input: 'NHWC', output: 'NHWC' })
  const output = entry.at('output')
  const bound = boundOf(device, output.maybe('float32_error'), entry.maybe('float32_error'), file.maybe('float32_error'))
  const expected = [{ name, reference: readReference(output), bound }]
  const origin = originOf(entry.maybe('source') ?? file.maybe('source'))
  const block = buildBlock(entry, origin, { device: device.backend, dtype: device.dtype })
  try {
    const entries = readState(entry.at('state'))
    checkState(context, `${name}, state`, block.stateDict(), entries)
    await fillModule(block, entries, salt, entry.maybe('kept'))
    block.eval()
    using x = readInput(context, `${name}, input`, entry.at('input'), salt, layout.input)
    await execute(
      context,
      name,
      (input) => ({ [name]: inLayout(block.forward(input), layout.output) }),
      [x],
      (run, outputs) => checkTensors(context, run, expected, outputs),
    )
  } finally {
    block.dispose()
  }
}

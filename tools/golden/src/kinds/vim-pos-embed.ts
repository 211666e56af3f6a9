import { tensor } from '@scanline/tensor'
import { resizePosEmbed } from '@scanline/vim'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { checkTensors } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { fillTensor } from '../fill.js'
import { type Kind, noteUnread } from '../kind.js'
import { readReference } from '../reference.js'
import { isVim } from '../vim/match.js'

const pair = (field: Field): [number, number] => {
  const [rows, columns] = field.tuple(2)
  return [rows.count(), columns.count()]
}

const listOf = (file: Field): Field | undefined => file.maybe('cases') ?? file.maybe('pos_embed')

/** Position tables resized as the published fine-tuning resizes them. */
export const vimPosEmbed: Kind = {
  name: 'Vim position tables',
  matches: (file) => isVim(file) && listOf(file) !== undefined,
  run: async (file, context) => {
    await noteUnread(context, file, ['pos_embed', 'cases'])
    for (const entry of listOf(file)?.list() ?? []) {
      const name = entry.at('name').string()
      await context.part(name, async () => {
        await noteUnread(context, entry, ['from', 'to', 'extra_tokens', 'input', 'output'])
        const output = entry.at('output')
        const bound = boundOf(context.device, output.maybe('float32_error'), entry.maybe('float32_error'))
        const options = {
          from: pair(entry.at('from')),
          to: pair(entry.at('to')),
          extraTokens: entry.maybe('extra_tokens')?.count() ?? 1,
        }
        const salt = (entry.maybe('salt') ?? file.at('salt')).string()
        // A table is an entry of a state dict, and filled as one.
        const shape = entry.at('input').at('shape').shape()
        const values = fillTensor(entry.at('input').maybe('name')?.string() ?? 'pos_embed', shape, salt)
        using table = tensor(values, { shape, device: context.device.backend, dtype: context.device.dtype })
        await execute(
          context,
          name,
          (x) => ({ [name]: resizePosEmbed(x, options) }),
          [table],
          (run, outputs) => checkTensors(context, run, [{ name, reference: readReference(output), bound }], outputs),
        )
      })
    }
  },
}

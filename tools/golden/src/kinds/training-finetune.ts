import { scaledRate } from '@scanline/optim'
import { tensor } from '@scanline/tensor'
import { epochCounts } from '@scanline/train'
import { resizePosEmbed } from '@scanline/vim'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { checkTensors } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { fillTensor } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference } from '../reference.js'
import { isTraining } from '../training/match.js'

/** Position tables of fine-tuning, how an epoch is counted, and Vim's rule for rates. */
export const trainingFinetune: Kind = {
  name: 'fine-tuning',
  matches: (file) =>
    isTraining(file, 'position_tables', 'old_grid', 'new_grid') || isTraining(file, 'epoch_counts', 'updates_per_epoch'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'position_tables', 'epoch_counts', 'scaled_lr'])
    const salt = file.at('salt').string()
    for (const [i, entry] of (file.maybe('position_tables')?.list() ?? []).entries())
      await context.part(`position_tables[${i}]`, () => checkTable(context, entry, salt, `position_tables[${i}]`))
    for (const [i, entry] of (file.maybe('epoch_counts')?.list() ?? []).entries())
      checkCounts(context, entry, `epoch_counts[${i}]`)
    for (const [i, entry] of (file.maybe('scaled_lr')?.list() ?? []).entries()) {
      const [rate, batch, world] = ['base_lr', 'batch', 'world'].map((key) => entry.at(key).number())
      const expected = entry.at('lr').number()
      context.check({ name: `scaled_lr[${i}]`, error: Math.abs(scaledRate(rate, batch, world) / expected - 1), bound: 1e-14 })
    }
  },
}

async function checkTable(context: Context, entry: Field, salt: string, name: string): Promise<void> {
  const [from, to, channels] = ['old_grid', 'new_grid', 'channels'].map((key) => entry.at(key).count())
  const shape = [1, 1 + from ** 2, channels]
  using table = tensor(fillTensor('pos_embed', shape, salt), {
    shape,
    device: context.device.backend,
    dtype: context.device.dtype,
  })
  const bound = boundOf(context.device, entry.maybe('float32_error'))
  const options = { from: [from, from], to: [to, to], extraTokens: 1 } as const
  await execute(
    context,
    name,
    (x) => ({ [name]: resizePosEmbed(x, options) }),
    [table],
    (run, outputs) => checkTensors(context, run, [{ name, reference: readReference(entry.at('output')), bound }], outputs),
  )
}

function checkCounts(context: Context, entry: Field, name: string): void {
  const number = (key: string) => entry.at(key).count()
  const counts = epochCounts(number('images'), {
    batch: number('batch'),
    accumulation: number('accumulation'),
    world: number('world'),
  })
  const found = [counts.samplesPerRank, counts.batchesPerRank, counts.updates, counts.batchesLeft]
  const expected = ['samples_per_rank', 'batches_per_rank', 'updates_per_epoch', 'batches_left_unused'].map(number)
  context.check({ name, error: found.filter((v, i) => v !== expected[i]).length, bound: 0 })
}

import { KeepPolicy, RecoveryPolicy } from '@scanline/train'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

/** Which files are there after each epoch. */
export const trainingCheckpointPolicy: Kind = {
  name: 'which checkpoints stay',
  matches: (file) => isTraining(file, 'cases', 'after_each_epoch', 'max_history'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'cases'])
    for (const [i, entry] of file.at('cases').list().entries())
      await context.part(`cases[${i}]`, async () => {
        await noteUnknown(context, entry, ['metrics', 'after_each_epoch', 'recovery', 'keys'])
        checkEpochs(context, entry, `cases[${i}]`)
        checkRecovery(context, entry, `cases[${i}]`)
      })
  },
}

type Files = Map<string, readonly [epoch: number, metric: number]>

function checkEpochs(context: Context, entry: Field, name: string): void {
  const policy = new KeepPolicy({ keep: entry.at('max_history').count(), lowerIsBetter: entry.at('lower_is_better').boolean() })
  const files: Files = new Map()
  for (const [i, row] of entry.at('after_each_epoch').list().entries()) {
    const [epoch, metric] = [row.at('epoch').count(), entry.at('metrics').list()[i].number()]
    const { keep, remove, best } = policy.add(epoch, metric)
    files.set('last.pth.tar', [epoch, metric])
    for (const old of remove) files.delete(`checkpoint-${old}.pth.tar`)
    if (keep) files.set(`checkpoint-${epoch}.pth.tar`, [epoch, metric])
    if (best) files.set('model_best.pth.tar', [epoch, metric])
    const expected = row.at('files').entries()
    const wrong = expected.filter(([file, held]) => String(files.get(file)) !== String(held.numbers()))
    const more = [...files.keys()].filter((file) => !expected.some(([known]) => known === file))
    context.check({
      name: `${name} epoch ${epoch}`,
      error: wrong.length + more.length,
      bound: 0,
      ...(wrong.length + more.length > 0 && { note: wrong[0]?.[0] ?? more[0] }),
    })
    const { best: found } = policy.state
    const returned = String([found?.metric, found?.epoch]) === String(row.at('returns').numbers())
    context.check({ name: `${name} epoch ${epoch}, best`, error: returned ? 0 : 1, bound: 0 })
  }
}

function checkRecovery(context: Context, entry: Field, name: string): void {
  const policy = new RecoveryPolicy()
  const files = new Set<string>()
  for (const row of entry.maybe('recovery')?.list() ?? []) {
    const file = `recovery-${row.at('epoch').count()}-${row.at('batch').count()}.pth.tar`
    files.add(file)
    const gone = policy.add(file)
    if (gone !== undefined) files.delete(gone)
    const same = String([...files].sort()) === String(row.at('files').strings().toSorted())
    context.check({ name: `${name} ${file}`, error: same ? 0 : 1, bound: 0 })
  }
}

import { type Order, type RepeatOptions, rankShare, repeatedShare } from '@scanline/datasets'
import type { Field } from '../field.js'
import type { Kind } from '../kind.js'
import { isTraining } from '../training/match.js'

type Share = (list: Uint32Array, rank: { world: number; rank: number }, args: RepeatOptions) => Order

const shares: Readonly<Record<string, Share>> = {
  'torch DistributedSampler (shuffle, drop_last false)': rankShare,
  'torch DistributedSampler (no shuffle)': rankShare,
  'timm OrderedDistributedSampler': rankShare,
  'timm RepeatAugSampler': (list, rank, args) => repeatedShare(list, { ...rank, ...args }),
}

function shareOf(sampler: Field): Share {
  const [, repeats] = /^Vim RASampler \((\d+) repeats\)$/.exec(sampler.string()) ?? []
  if (repeats) return (list, rank) => repeatedShare(list, { ...rank, repeats: Number(repeats) })
  return shares[sampler.oneOf(...Object.keys(shares))]
}

/** The samples that each rank visits. */
export const samplers: Kind = {
  name: 'samplers',
  matches: (file) => isTraining(file, 'cases', 'sampler', 'ranks'),
  run: async (file, context) => {
    for (const [i, entry] of file.at('cases').list().entries()) {
      const share = shareOf(entry.at('sampler'))
      const name = `cases[${i}] ${entry.at('sampler').string()}`
      await context.part(name, () => {
        const length = entry.at('length').count()
        const list = entry.maybe('permutation')?.shape() ?? Array.from({ length }, (_, at) => at)
        const world = entry.at('world').count()
        const wrong = entry
          .at('ranks')
          .list()
          .filter((expected, rank) => {
            const { indices } = share(Uint32Array.from(list), { world, rank }, repeatOptions(entry))
            return String(indices) !== String(expected.shape())
          })
        context.check({ name, error: wrong.length, bound: 0 })
      })
    }
  },
}

function repeatOptions(entry: Field): RepeatOptions {
  const args = entry.maybe('args')
  const [repeats, round] = [args?.maybe('num_repeats')?.number(), args?.maybe('selected_round')?.count()]
  return { ...(repeats !== undefined && { repeats }), ...(round !== undefined && { round }) }
}

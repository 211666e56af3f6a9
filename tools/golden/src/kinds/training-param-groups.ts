import { parameterGroups } from '@scanline/optim'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

/** Which parameters of each family are decayed. The models' own names and shapes are compared by the models' files. */
export const trainingParamGroups: Kind = {
  name: 'parameter groups',
  matches: (file) => isTraining(file, 'families', 'group_order', 'patterns'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'families'])
    for (const entry of file.at('families').list())
      await context.part(entry.at('family').string(), () => checkFamily(context, entry))
  },
}

/** Section 2 of the training specification. */
const rules: Readonly<Record<string, 'timm' | 'efficientvim'>> = {
  mambaout: 'timm',
  mambavision: 'timm',
  vim: 'timm',
  efficientvim: 'efficientvim',
}

function checkFamily(context: Context, entry: Field): void {
  const family = entry.at('family').string()
  const rule = rules[family]
  if (!rule) throw new NotSupportedError(`the family ${JSON.stringify(family)}`)
  const patterns = entry
    .at('patterns')
    .entries()
    .map(([, row]) => ({
      name: row.at('example').string(),
      shape: row.at('shape').shape(),
      count: row.at('count').count(),
      group: row.at('group').string(),
    }))
  const groups = parameterGroups(
    patterns.map((p) => [p.name, p] as const),
    { weightDecay: 0.05, exclude: entry.at('names_excluded_by_the_model').strings(), rule },
  )
  const groupOf = new Map(groups.flatMap(({ name, parameters }) => parameters.map((p) => [p, name] as const)))
  const wrong = patterns.filter(({ name, group }) => groupOf.get(name) !== group)
  context.check({ name: family, error: wrong.length, bound: 0, ...(wrong[0] && { note: wrong[0].name }) })

  const order = entry.at('group_order').strings()
  context.check({ name: `${family}, order`, error: groups.filter(({ name }, i) => name !== order[i]).length, bound: 0 })
  for (const group of ['decay', 'no_decay']) {
    const own = patterns.filter(({ name }) => groupOf.get(name) === group)
    const tensors = own.reduce((n, { count }) => n + count, 0)
    context.check({
      name: `${family}, ${group} tensors`,
      error: Math.abs(tensors - entry.at(`${group}_tensors`).count()),
      bound: 0,
    })
  }
}

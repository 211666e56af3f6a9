import { ema, pack, unpack } from '@scanline/optim'
import { type Tensor, tensor } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { relativeError, type Values } from '../compare.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'
import { runner } from '../training/runner.js'

/** Averages of a state that changes in every step, counters included. */
export const trainingEma: Kind = {
  name: 'averaged weights',
  matches: (file) => isTraining(file, 'cases', 'trajectory', 'class'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'entries', 'cases'])
    for (const [i, entry] of file.at('cases').list().entries())
      for (const run of ['eager', 'compiled'] as const)
        await context.part(`cases[${i}], ${run}`, () => runCase(context, file, entry, `cases[${i}]`, run))
  },
}

const counter = 'bn.num_batches_tracked'
const classes: Readonly<Record<string, 'plain' | 'newer'>> = { ModelEma: 'plain', ModelEmaV2: 'plain', ModelEmaV3: 'newer' }

function readEma(entry: Field) {
  const name = entry.at('class').string().split(' ')[0]
  const kind = classes[name]
  if (!kind) throw new NotSupportedError(`the class ${JSON.stringify(name)}`)
  const args = entry.at('args')
  const number = (key: string) => args.maybe(key)?.number()
  const [gamma, power] = [number('warmup_gamma'), number('warmup_power')]
  return ema({
    decay: number('decay') ?? 0.9999,
    kind,
    updateAfterStep: number('update_after_step') ?? 0,
    minDecay: number('min_decay') ?? 0,
    ...(args.maybe('use_warmup')?.boolean() && {
      warmup: { ...(gamma !== undefined && { gamma }), ...(power !== undefined && { power }) },
    }),
  })
}

async function runCase(context: Context, file: Field, entry: Field, name: string, run: 'eager' | 'compiled'): Promise<void> {
  await noteUnknown(context, entry, ['args', 'trajectory', 'decay_at_step'])
  const { backend: device, dtype } = context.device
  const salt = file.at('salt').string()
  const average = readEma(entry)
  const start = entry.at('count_start').count()
  const entries = file
    .at('entries')
    .list()
    .map((line) => {
      const [key, shape] = line.tuple(2)
      return { key: key.string(), shape: shape.shape() }
    })
  /** The model's state at a step. */
  const model = (t: number): Tensor[] =>
    entries.map(({ key, shape }) =>
      key === counter
        ? tensor([start + t], { shape, device, dtype: 'i64' })
        : tensor(fillInput(`model.${t}.${key}`, shape, salt), { shape, device, dtype }),
    )
  const n = entries.length
  const update = (all: readonly Tensor[]): Tensor[] => {
    const { decay, rest } = unpack(all[2 * n], ['decay', 'rest'])
    return entries.map((_, k) => average.update(all[k], all[n + k], { decay, rest }))
  }
  let state = model(0)
  const step = await runner(device, run, update, [...state, ...state, { shape: [2], dtype }], n)
  const worst = new Map<string, number>()
  const note = (key: string, error: number) => worst.set(key, Math.max(worst.get(key) ?? 0, error))
  try {
    for (const [i, row] of entry.at('trajectory').list().entries()) {
      const scalars = average.scalars(i + 1)
      const values = [...model(i + 1), tensor(pack(scalars), { device, dtype })]
      state = step.run(state, values)
      for (const [k, { key }] of entries.entries()) {
        const expected = row.at(key)
        const found = [...(await state[k].data())].map(Number)
        note(key, key === counter ? Math.abs(found[0] - expected.number()) : relativeError(found as Values, expected.numbers()))
      }
      const decays = entry.maybe('decay_at_step')
      if (decays) note('decay', Math.abs(scalars.decay - decays.list()[i].number()))
    }
  } finally {
    step.dispose()
    for (const t of state) t.dispose()
  }
  for (const [key, error] of worst)
    context.check({
      name: `${name} ${key}`,
      run,
      error,
      bound: key === counter ? 0 : key === 'decay' ? 1e-14 : boundOf(context.device),
    })
}

import {
  cosine,
  cycleLength,
  hyperbolic,
  milestones,
  perEpoch,
  perUpdate,
  polynomial,
  type Schedule,
  scaledRate,
  steps,
  type Timeline,
} from '@scanline/optim'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

/** In doubles; the files have fifteen digits. */
const bound = 1e-13

/** Learning rates of the published loops, and of schedules alone. */
export const trainingSchedules: Kind = {
  name: 'schedules',
  matches: (file) => isTraining(file, 'recipes', 'recipe', 'args') || isTraining(file, 'plain', 'class', 'lr_at_t'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'recipes', 'plain'])
    for (const entry of file.maybe('recipes')?.list() ?? [])
      await context.part(entry.at('recipe').string(), () => checkRecipe(context, entry))
    for (const [i, entry] of (file.maybe('plain')?.list() ?? []).entries())
      await context.part(`plain[${i}]`, () => checkPlain(context, entry, `plain[${i}] ${entry.at('class').string()}`))
  },
}

const off = (found: number, expected: number): number => Math.abs(found - expected) / (Math.abs(expected) || 1)

function checkPlain(context: Context, entry: Field, name: string): void {
  const { schedule, length } = readSchedule(entry)
  const after = entry.maybe('lr_after_construction')
  if (after) context.check({ name: `${name}, first`, error: off(schedule(0), after.number()), bound })
  const worst = entry
    .at('lr_at_t')
    .numbers()
    .reduce((most, lr, t) => Math.max(most, off(schedule(t), lr)), 0)
  context.check({ name, error: worst, bound })
  const cycle = entry.maybe('cycle_length')
  if (cycle) context.check({ name: `${name}, cycle`, error: Math.abs((length ?? Number.NaN) - cycle.number()), bound: 0 })
}

/** A schedule from timm's class and arguments. */
function readSchedule(entry: Field): { schedule: Schedule; length?: number } {
  const args = entry.at('args')
  const number = (key: string) => args.maybe(key)?.number()
  const flag = (key: string) => args.maybe(key)?.boolean()
  const name = /(\w+)LRScheduler/.exec(entry.at('class').string())?.[1]
  const prefix = flag('warmup_prefix') ?? (name === 'Step' || name === 'MultiStep')
  const common = {
    rate: entry.at('base_lr').number(),
    warmup: { length: number('warmup_t') ?? 0, start: number('warmup_lr_init') ?? 0, prefix },
  }
  if (name === 'Step')
    return { schedule: steps({ ...common, every: args.at('decay_t').number(), factor: number('decay_rate') ?? 1 }) }
  if (name === 'MultiStep')
    return { schedule: milestones({ ...common, at: args.at('decay_t').numbers(), factor: number('decay_rate') ?? 1 }) }
  const curve = name === 'Cosine' ? cosine : name === 'Poly' ? polynomial : name === 'Tanh' ? hyperbolic : undefined
  if (!curve) throw new NotSupportedError(`the class ${JSON.stringify(entry.at('class').string())}`)
  const old = /timm 0\.(\d+)/.exec(entry.at('class').string())
  const limit = number('cycle_limit') ?? 1
  const options = {
    ...common,
    length: args.at('t_initial').number(),
    min: number('lr_min') ?? 0,
    // Older releases have other names, and no limit as 0.
    cycles: {
      limit: limit === 0 ? Number.POSITIVE_INFINITY : limit,
      mul: number('cycle_mul') ?? number('t_mul') ?? 1,
      decay: number('cycle_decay') ?? number('decay_rate') ?? 1,
    },
    ...(args.has('k_decay') && { k: number('k_decay')! }),
    ...(args.has('power') && { power: number('power')! }),
    ...(args.has('lb') && { from: number('lb')! }),
    ...(args.has('ub') && { to: number('ub')! }),
    scaleMin: old !== null && Number(old[1]) < 5,
  }
  return { schedule: curve(options), length: cycleLength(options) }
}

interface Published {
  readonly timeline: Timeline
  readonly updatesPerEpoch: number
  readonly rate: number
}

/** The loops by what their recipes are called. */
function readRecipe(entry: Field): Published {
  const name = entry.at('recipe').string()
  const args = entry.at('args')
  const number = (key: string) => args.at(key).number()
  const epochs = number('epochs')
  const [length, start, min] = [number('warmup_epochs'), number('warmup_lr'), number('min_lr')]
  if (name.startsWith('mambaout')) {
    const cycles = {
      limit: args.maybe('lr_cycle_limit')?.number() ?? 1,
      mul: args.maybe('lr_cycle_mul')?.number() ?? 1,
      decay: args.maybe('lr_cycle_decay')?.number() ?? 0.5,
    }
    const k = args.maybe('lr_k_decay')?.number() ?? 1
    const rate = number('lr')
    return {
      timeline: perEpoch(cosine({ rate, length: epochs, min, warmup: { length, start }, cycles, k })),
      updatesPerEpoch: 1,
      rate,
    }
  }
  if (name.startsWith('vim')) {
    const rate = scaledRate(number('base_lr'), number('batch_size'), number('world_size'))
    const resumedAt = entry.maybe('resume')?.at('at_epoch').count()
    const schedule = cosine({ rate, length: epochs, min, warmup: { length, start } })
    return { timeline: perEpoch(schedule, { lag: 1, ...(resumedAt !== undefined && { resumedAt }) }), updatesPerEpoch: 1, rate }
  }
  if (name.startsWith('mambavision')) {
    const n = Math.floor(number('data_len') / (number('batch_size') * number('world_size')))
    const rate = number('lr')
    const schedule = cosine({ rate, length: epochs * n, min, warmup: { length: length * n, start } })
    return { timeline: perUpdate(schedule, { shift: 1 }), updatesPerEpoch: n, rate }
  }
  if (name.startsWith('efficientvim')) {
    const n = number('updates_per_epoch')
    const rate = number('base_lr')
    const schedule = cosine({ rate, length: (epochs - length) * n, min, warmup: { length: length * n, start, prefix: true } })
    return { timeline: perUpdate(schedule, { shift: -1 }), updatesPerEpoch: n, rate }
  }
  throw new NotSupportedError(`the recipe ${JSON.stringify(name)}`)
}

function checkRecipe(context: Context, entry: Field): void {
  const name = entry.at('recipe').string()
  const { timeline, updatesPerEpoch, rate } = readRecipe(entry)
  const resume = entry.maybe('resume')
  const scaled = entry.maybe('scaled_lr')
  if (scaled) context.check({ name: `${name}, scaled rate`, error: off(rate, scaled.number()), bound })
  const published = entry.maybe('updates_per_epoch')
  if (published) context.check({ name: `${name}, updates`, error: Math.abs(updatesPerEpoch - published.number()), bound: 0 })
  let worst = 0
  const note = (at: { epoch: number; update: number }, lr: number): void => {
    worst = Math.max(worst, off(timeline({ ...at, updatesPerEpoch }), lr))
  }
  for (const [epoch, lr] of entry.maybe('lr_used_in_epoch')?.numbers().entries() ?? [])
    if (epoch !== resume?.at('at_epoch').count()) note({ epoch, update: 0 }, lr)
  if (resume) note({ epoch: resume.at('at_epoch').count(), update: 0 }, resume.at('lr_used_in_that_epoch').number())
  for (const row of entry.maybe('lr_used')?.list() ?? []) {
    const [epoch, update, lr] = row.numbers()
    note({ epoch, update }, lr)
  }
  context.check({ name, error: worst, bound })
}

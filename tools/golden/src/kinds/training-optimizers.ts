import { clipFactor, globalNorm, type Optimizer, pack, unpack } from '@scanline/optim'
import { type Tensor, tensor } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { relativeError, type Values } from '../compare.js'
import type { Field } from '../field.js'
import { fillInput, fillTensor } from '../fill.js'
import { type Context, type Kind, noteUnknown, type Run } from '../kind.js'
import { sizeOf } from '../reference.js'
import { isTraining } from '../training/match.js'
import { readOptimizer } from '../training/optimizer.js'
import { runner } from '../training/runner.js'

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
}

/** Trajectories of parameters under given gradients, and the optimizer's own buffers after the last step. */
export const trainingOptimizers: Kind = {
  name: 'optimizers',
  matches: (file) => isTraining(file, 'cases', 'trajectory', 'grad_scale'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'params', 'cases'])
    const entries = file
      .at('params')
      .list()
      .map((line) => {
        const [name, shape] = line.tuple(2)
        return { name: name.string(), shape: shape.shape() }
      })
    for (const entry of file.at('cases').list())
      for (const run of ['eager', 'compiled'] as const)
        await context.part(`${entry.at('name').string()}, ${run}`, () => runCase(context, file, entry, entries, run))
  },
}

const caseFields = ['args', 'no_decay', 'lr_per_step', 'float32_error', 'trajectory', 'final_state']

async function runCase(context: Context, file: Field, entry: Field, entries: readonly Entry[], run: Run): Promise<void> {
  await noteUnknown(context, entry, caseFields)
  const { backend: device, dtype } = context.device
  const salt = file.at('salt').string()
  const [name, args] = [entry.at('name').string(), entry.at('args')]
  const rule = readOptimizer(entry.at('source').string(), args)
  const scale = entry.at('grad_scale').number()
  const rates = entry.maybe('lr_per_step')?.numbers()
  const on = (values: Values, shape: readonly number[]) => tensor(Float64Array.from(values), { shape, device, dtype })
  const zeros = (shape: readonly number[]) => on(new Float64Array(sizeOf(shape)), shape)

  const start = (e: Entry): Values =>
    e.name.startsWith('dead') ? new Float64Array(sizeOf(e.shape)) : fillTensor(e.name, e.shape, salt)
  let state = [...entries.map((e) => on(start(e), e.shape)), ...entries.flatMap((e) => rule.buffers.map(() => zeros(e.shape)))]
  const step = stepOf(rule, entries, entry)
  const scalarCount = Object.keys(rule.scalars(1, 1)).length
  const news = [...entries.map((e) => ({ shape: e.shape, dtype })), { shape: [scalarCount], dtype }]
  const steps = await runner(device, run, step, [...state, ...news], state.length)
  const worst = new Map<string, number>()
  const trajectory = entry.at('trajectory').list()
  try {
    for (const [i, row] of trajectory.entries()) {
      const grads = entries.map((e) => {
        const values = Float64Array.from(fillInput(`grad.${i + 1}.${e.name}`, e.shape, salt), (v) => scale * v)
        return on(values, e.shape)
      })
      const scalars = on(pack(rule.scalars(rates?.[i] ?? args.at('lr').number(), i + 1)), [scalarCount])
      state = steps.run(state, [...grads, scalars])
      for (const [k, { name }] of entries.entries()) {
        const error = relativeError((await state[k].data()) as Values, row.at(name).numbers())
        worst.set(name, Math.max(worst.get(name) ?? 0, error))
      }
    }
    const errors = entry.maybe('float32_error')
    const bound = (name: string) => boundOf(context.device, errors?.maybe(name))
    for (const [parameter, error] of worst) context.check({ name: `${name}.${parameter}`, run, error, bound: bound(parameter) })
    const final = entry.maybe('final_state')
    for (const [k, e] of entries.entries())
      for (const [b, buffer] of rule.buffers.entries()) {
        const expected = final?.maybe(e.name)?.maybe(buffer)
        if (!expected) continue
        const found = (await state[entries.length + k * rule.buffers.length + b].data()) as Values
        const error = relativeError(found, expected.numbers())
        context.check({ name: `${name}.${e.name}.${buffer}`, run, error, bound: bound(e.name) })
      }
  } finally {
    for (const t of state) t.dispose()
    steps.dispose()
  }
}

/** The update of one step: state, gradients and scalars in, state out. */
function stepOf(rule: Optimizer, entries: readonly Entry[], entry: Field): (all: readonly Tensor[]) => Tensor[] {
  const excluded = entry.at('no_decay').strings()
  const weightDecay = entry.at('weight_decay').number()
  const clip = entry.maybe('clip_norm')?.number()
  const n = entries.length
  const keys = Object.keys(rule.scalars(1, 1))
  return (all) => {
    const buffers = all.slice(n, n + n * rule.buffers.length)
    const grads = all.slice(n + buffers.length, -1)
    const scalars = unpack(all.at(-1)!, keys)
    const norm = clip === undefined ? undefined : globalNorm(grads)
    const updated = rule.update(
      entries.map(({ name }, k) => ({
        value: all[k],
        grad: grads[k],
        buffers: Object.fromEntries(rule.buffers.map((buffer, b) => [buffer, buffers[k * rule.buffers.length + b]])),
        weightDecay: excluded.includes(name) ? 0 : weightDecay,
      })),
      scalars,
      norm && { norm, factor: clipFactor(norm, clip!) },
    )
    return [...updated.map(({ value }) => value), ...updated.flatMap((u) => rule.buffers.map((b) => u.buffers[b]))]
  }
}

import { BatchNorm1d, Linear, Module, type ModuleOptions } from '@scanline/nn'
import { adamw, cosine, lamb, parameterGroups, sgd } from '@scanline/optim'
import { crossEntropy, Generator, gelu, scope, type Tensor, tensor } from '@scanline/tensor'
import { type Clip, inMode, TrainStep, withTensors } from '@scanline/train'
import { boundOf } from '../cases/bound.js'
import { compareTensor, relativeError, type Values } from '../compare.js'
import type { Field } from '../field.js'
import { fillInput, fillState, fnv1a32 } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference } from '../reference.js'
import { isTraining } from '../training/match.js'

/** Small runs with everything in them: mixing, accumulation, clipping, schedule, running statistics, averages. */
export const trainingRuns: Kind = {
  name: 'small training runs',
  matches: (file) => isTraining(file, 'cases', 'optimizer', 'log', 'final_average'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'dims', 'cases'])
    for (const entry of file.at('cases').list()) {
      const name = entry.at('name').string()
      await context.part(name, () => runCase(context, file, entry, name))
    }
  },
}

class Toy extends Module {
  readonly fc1: Linear
  readonly norm: BatchNorm1d
  readonly fc2: Linear
  constructor(dims: { readonly input: number; readonly hidden: number; readonly classes: number }, options: ModuleOptions) {
    super()
    this.fc1 = new Linear(dims.input, dims.hidden, options)
    this.norm = new BatchNorm1d(dims.hidden, options)
    this.fc2 = new Linear(dims.hidden, dims.classes, options)
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.fc2.forward(gelu(this.norm.forward(this.fc1.forward(x)))))
  }
}

const optimizers = {
  adamw: () => adamw(),
  lamb: () => lamb({ eps: 1e-8 }),
  sgd: () => sgd({ momentum: 0.9, nesterov: true }),
}
const [weightDecay, smoothing, warmupUpdates, decay] = [0.05, 0.1, 3, 0.9]

interface Batch {
  readonly images: Float64Array
  readonly targets: Float64Array
}

/** Micro-batch `a` of update `s`, mixed. */
function batchOf(salt: string, s: number, a: number, [B, input, K]: readonly [number, number, number]): Batch {
  const x = fillInput(`x.${s}.${a}`, [B, input], salt)
  const label = (i: number) => (fnv1a32(`${salt}:y.${s}.${a}.${i}`) >>> 8) % K
  const lam = (fnv1a32(`${salt}:lam.${s}.${a}`) % 1000) / 1000
  const q = (i: number, c: number) => smoothing / K + (label(i) === c ? 1 - smoothing : 0)
  const mixed = (own: number, partner: number) => lam * own + (1 - lam) * partner
  const rows = <T>(width: number, value: (i: number, j: number) => T) =>
    Array.from({ length: B * width }, (_, k) => value(Math.floor(k / width), k % width))
  return {
    images: Float64Array.from(rows(input, (i, j) => mixed(x[i * input + j], x[(B - 1 - i) * input + j]))),
    targets: Float64Array.from(rows(K, (i, c) => mixed(q(i, c), q(B - 1 - i, c)))),
  }
}

async function runCase(context: Context, file: Field, entry: Field, name: string): Promise<void> {
  await noteUnknown(context, entry, ['log', 'final', 'final_average', 'val_logits', 'val_logits_average'])
  const { backend: device, dtype } = context.device
  const salt = file.at('salt').string()
  const [input, hidden, K, B] = ['Din', 'Dh', 'K', 'B'].map((key) => file.at('dims').at(key).count())
  const accumulation = entry.at('accumulation').count()
  const limit = entry.maybe('clip_norm')?.number()
  const log = entry.at('log').list()
  const rate = cosine({
    rate: file.at('base_lr').number(),
    min: file.at('min_lr').number(),
    length: log.length,
    warmup: { length: warmupUpdates, start: file.at('warmup_lr').number() },
  })
  using model = new Toy({ input, hidden, classes: K }, { device, dtype })
  await model.loadStateDict(
    fillState(
      [...model.stateDict()].map(([key, { shape }]) => ({ name: key, shape })),
      salt,
    ),
  )
  using step = await TrainStep.create(model, {
    forward: (x) => model.forward(x),
    loss: ({ outputs, targets }) => crossEntropy(outputs, targets),
    images: { shape: [B, input], dtype },
    targets: { shape: [B, K], dtype },
    optimizer: optimizers[entry.at('optimizer').oneOf('adamw', 'lamb', 'sgd')](),
    groups: parameterGroups(model.namedParameters(), { weightDecay }),
    ...(limit !== undefined && { clip: { mode: 'norm', limit } satisfies Clip }),
    average: { decay },
    accumulation,
    random: new Generator(0),
  })
  const bound = boundOf(context.device, entry.maybe('float32_error'), file.maybe('float32_error'))
  const worst = { lr: 0, loss: 0, norm: 0 }
  const note = (key: keyof typeof worst, found: number, expected: Field): void => {
    worst[key] = Math.max(worst[key], Math.abs(found / expected.number() - 1))
  }
  for (const [s, row] of log.entries()) {
    const lr = rate(s)
    note('lr', lr, row.at('lr'))
    let mean = 0
    for (let a = 0; a < accumulation; a++) {
      const batch = batchOf(salt, s, a, [B, input, K])
      using images = tensor(batch.images, { shape: [B, input], device, dtype })
      using targets = tensor(batch.targets, { shape: [B, K], device, dtype })
      const { loss, norm } = step.run(images, targets, { lr, micro: { index: a, of: accumulation } })
      mean += (await loss.item()) / accumulation
      const expected = row.maybe('grad_norm')
      if (norm && expected) note('norm', await norm.item(), expected)
      loss.dispose()
      norm?.dispose()
    }
    note('loss', mean, row.at('loss'))
  }
  context.check({ name: `${name} lr`, error: worst.lr, bound: 1e-13 })
  context.check({ name: `${name} loss`, run: 'compiled', error: worst.loss, bound })
  if (limit !== undefined) context.check({ name: `${name} norm`, run: 'compiled', error: worst.norm, bound })

  // Batch norm takes fc1.bias away again, so its gradient is rounding alone, which AdamW and LAMB scale to whole steps:
  // in float32 it goes where it wants, the running mean follows it, and evaluation sees the part that lags behind.
  const free = dtype === 'f32' && entry.at('optimizer').string() !== 'sgd' ? ['fc1.bias', 'norm.running_mean', 'val_logits'] : []
  const averages = new Map(step.state.averages)
  for (const [field, state] of [
    ['final', model.stateDict()],
    ['final_average', averages],
  ] as const)
    for (const [key, expected] of entry.at(field).entries()) {
      if (free.includes(key)) continue
      const found = [...(await state.get(key)!.data())].map(Number)
      const counter = key.endsWith('num_batches_tracked')
      const error = counter ? Math.abs(found[0] - expected.number()) : relativeError(found as Values, expected.numbers())
      context.check({ name: `${name} ${field}.${key}`, run: 'compiled', error, bound: counter ? 0 : bound })
    }
  using val = tensor(fillInput('val', [5, input], salt), { shape: [5, input], device, dtype })
  const forward = () => inMode(model, 'evaluation', () => model.forward(val))
  for (const [field, run] of [
    ['val_logits', forward],
    ['val_logits_average', () => withTensors(model, averages, forward)],
  ] as const) {
    if (free.includes('val_logits')) continue
    const expected = readReference(entry.at(field))
    using logits = run()
    context.check({
      name: `${name} ${field}`,
      run: 'compiled',
      bound,
      ...compareTensor(logits.shape, (await logits.data()) as Values, expected),
    })
  }
}

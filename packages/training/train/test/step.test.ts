import { BatchNorm1d, Dropout, Linear, Module, type ModuleOptions } from '@scanline/nn'
import { adamw, lamb, parameterGroups, sgd } from '@scanline/optim'
import {
  add,
  type Backend,
  crossEntropy,
  Generator,
  gelu,
  mean,
  type RandomStreams,
  ReferenceBackend,
  scope,
  square,
  sub,
  type Tensor,
  tensor,
} from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { afterAll, expect, test } from 'vitest'
import { mesaEfficientViM, TrainStep, type TrainStepOptions } from '../src/index.js'

const wasm = await createWasmBackend({ threads: 1 })
afterAll(() => wasm.dispose())

class Net extends Module {
  readonly fc1: Linear
  readonly norm: BatchNorm1d | undefined
  readonly dropout: Dropout
  readonly fc2: Linear
  constructor(dropout: number, norm: boolean, options: ModuleOptions) {
    super()
    this.fc1 = new Linear(6, 16, options)
    this.norm = norm ? new BatchNorm1d(16, options) : undefined
    this.dropout = new Dropout(dropout)
    this.fc2 = new Linear(16, 3, options)
  }
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      const y = this.fc1.forward(x)
      return this.fc2.forward(this.dropout.forward(gelu(this.norm ? this.norm.forward(y) : y), random))
    })
  }
}

const batch = 8
type Options = Partial<TrainStepOptions> & {
  readonly dropout?: number
  readonly norm?: boolean
  readonly device?: Backend
  readonly rows?: number
  readonly weightDecay?: number
}

async function start({ dropout = 0, norm = true, device = wasm, rows = batch, weightDecay = 0.05, ...more }: Options = {}) {
  const model = new Net(dropout, norm, { device, generator: new Generator(3) })
  const step = await TrainStep.create(model, {
    forward: (x, random) => model.forward(x, random),
    loss: ({ outputs, targets }) => crossEntropy(outputs, targets),
    images: { shape: [rows, 6], dtype: 'f32' },
    targets: { shape: [rows], dtype: 'i32' },
    optimizer: adamw(),
    groups: parameterGroups(model.namedParameters(), { weightDecay }),
    random: new Generator(11),
    ...more,
  })
  return { model, step }
}

/** Separable: the label is the largest of the first three inputs. */
function data(seed: number, device: Backend = wasm, rows = batch): { images: Tensor; targets: Tensor } {
  const random = new Generator(seed)
  const x = Float32Array.from({ length: rows * 6 }, () => random.normal())
  const labels = Array.from({ length: rows }, (_, i) =>
    [0, 1, 2].reduce((best, c) => (x[i * 6 + c] > x[i * 6 + best] ? c : best), 0),
  )
  return { images: tensor(x, { shape: [rows, 6], device }), targets: tensor(labels, { device, dtype: 'i32' }) }
}

const numbers = async (state: ReadonlyMap<string, Tensor> | Iterable<readonly [string, Tensor]>) =>
  Object.fromEntries(await Promise.all([...state].map(async ([name, t]) => [name, Array.from(await t.data(), Number)] as const)))

async function runs(step: TrainStep, count: number, from = 0, lr = 0.01): Promise<number[]> {
  const losses: number[] = []
  for (let i = from; i < from + count; i++) {
    const { images, targets } = data(100 + i, step.state.parameters[0][1].device)
    using loss = step.run(images, targets, { lr }).loss
    losses.push(await loss.item())
    images.dispose()
    targets.dispose()
  }
  return losses
}

test.each([
  ['AdamW', adamw(), 0.01],
  ['LAMB', lamb({ eps: 1e-8 }), 0.02],
  ['SGD', sgd({ momentum: 0.9, nesterov: true }), 0.05],
])('%s learns', async (_, optimizer, lr) => {
  const { step } = await start({ optimizer, clip: { mode: 'norm', limit: 5 } })
  const losses = await runs(step, 60, 0, lr)
  const early = losses.slice(0, 5).reduce((a, b) => a + b) / 5
  const late = losses.slice(-5).reduce((a, b) => a + b) / 5
  expect(late).toBeLessThan(0.6 * early)
  step.dispose()
})

test('the model holds the newest weights, its averages follow, and nothing is allocated for it', async () => {
  const { model, step } = await start({ average: { decay: 0.5 } })
  const before = await numbers(model.stateDict())
  expect(await numbers(step.state.averages)).toEqual(before)
  await runs(step, 1)
  const { buffers } = wasm.memory()
  await runs(step, 3, 1)
  expect(wasm.memory().buffers).toBe(buffers)
  const after = await numbers(model.stateDict())
  expect(after['norm.num_batches_tracked']).toEqual([4])
  expect(after['fc1.weight']).not.toEqual(before['fc1.weight'])
  const average = await numbers(step.state.averages)
  const [a, x, y] = [average, before, after].map((state) => state['fc1.weight'][5])
  expect(Math.abs(a - y)).toBeLessThan(Math.abs(x - y))
  step.dispose()
  expect(model.fc1.weight.disposed).toBe(false)
})

test('in-place: no step of the program copies state', async () => {
  const { step } = await start({ average: { decay: 0.9 }, clip: { mode: 'norm', limit: 1 } })
  const copies = String(step.programs[0])
    .split('\n')
    .filter((line) => /^\s+\d+\s+copy\s+output/.test(line))
  expect(copies).toEqual([])
})

test('micro-batches make the update of the whole batch, also of a short last group', async () => {
  const whole = await start({ norm: false, optimizer: sgd({ momentum: 0.9 }), clip: { mode: 'norm', limit: 0.5 } })
  const parts = await start({
    norm: false,
    optimizer: sgd({ momentum: 0.9 }),
    clip: { mode: 'norm', limit: 0.5 },
    rows: 2,
    accumulation: 4,
  })
  for (let i = 0; i < 3; i++) {
    const { images, targets } = data(i)
    const all = whole.step.run(images, targets, { lr: 0.1 })
    const [x, y] = [await images.data(), await targets.data()]
    let sum = 0
    let norm = 0
    for (let index = 0; index < 4; index++) {
      const part = tensor(x.slice(index * 12, index * 12 + 12), { shape: [2, 6], device: wasm })
      const labels = tensor(y.slice(index * 2, index * 2 + 2), { device: wasm, dtype: 'i32' })
      const result = parts.step.run(part, labels, { lr: 0.1, micro: { index, of: 4 } })
      sum += (await result.loss.item()) / 4
      if (result.norm) norm = await result.norm.item()
    }
    expect(sum).toBeCloseTo(await all.loss.item(), 5)
    expect(norm).toBeCloseTo(await all.norm!.item(), 5)
  }
  expect(parts.step.updates).toBe(3)
  const [a, b] = [await numbers(whole.model.stateDict()), await numbers(parts.model.stateDict())]
  for (const [name, values] of Object.entries(a)) for (const [i, v] of values.entries()) expect(b[name][i]).toBeCloseTo(v, 5)

  // A group of one, where four would fit, is an update by itself.
  const { images, targets } = data(50, wasm, 2)
  const alone = await start({ norm: false, optimizer: sgd({ momentum: 0.9 }), rows: 2 })
  const inGroup = await start({ norm: false, optimizer: sgd({ momentum: 0.9 }), rows: 2, accumulation: 4 })
  alone.step.run(images, targets, { lr: 0.1 })
  inGroup.step.run(images, targets, { lr: 0.1, micro: { index: 0, of: 1 } })
  const [c, d] = [await numbers(alone.model.stateDict()), await numbers(inGroup.model.stateDict())]
  for (const [name, values] of Object.entries(c)) for (const [i, v] of values.entries()) expect(d[name][i]).toBeCloseTo(v, 6)
})

test('a restored run goes on to the same bits', async () => {
  const options = { dropout: 0.3, average: { decay: 0.9 }, clip: { mode: 'norm', limit: 1 } } as const
  const straight = await start(options)
  await runs(straight.step, 7)

  const first = await start(options)
  await runs(first.step, 4)
  const saved = new Map<string, { shape: readonly number[]; dtype: string; data: Awaited<ReturnType<Tensor['data']>> }>()
  for (const [name, t] of first.step.state.named()) saved.set(name, { shape: t.shape, dtype: t.dtype, data: await t.data() })
  const { seed, draws } = first.step.random.state
  const second = await start({ ...options, random: new Generator(seed, draws) })
  second.step.state.restore(saved)
  second.step.updates = first.step.updates
  await runs(second.step, 3, 4)
  expect(await numbers(second.step.state.named())).toEqual(await numbers(straight.step.state.named()))

  saved.delete('optimizer.exp_avg.fc1.bias')
  expect(() => second.step.state.restore(saved)).toThrow(/1 tensors are missing \(optimizer.exp_avg.fc1.bias\)/)
})

test('another loss from some point on: distillation from the average, which takes no gradient', async () => {
  const { step } = await start({ norm: false, optimizer: sgd(), average: { decay: 1 }, weightDecay: 0 })
  await runs(step, 2, 0, 0.5)
  await step.setLoss(({ outputs, averaged }) => mean(square(sub(outputs, averaged()))))
  const [apart] = await runs(step, 1, 2, 0.1)
  expect(apart).toBeGreaterThan(0)
  const later = await runs(step, 20, 2, 0.1)
  expect(later.at(-1)!).toBeLessThan(0.5 * apart)
  await step.setLoss(({ outputs, targets, averaged }) =>
    add(crossEntropy(outputs, targets), mesaEfficientViM(outputs, averaged(), 1)),
  )
  expect((await runs(step, 1))[0]).toBeGreaterThan(0)
  expect(step.updates).toBe(24)
})

test('what cannot be is refused by name', async () => {
  await expect(start({ groups: [{ name: 'all', weightDecay: 0, lrScale: 1, parameters: ['fc1.weight'] }] })).rejects.toThrow(
    /fc1.bias is in none/,
  )
  await expect(start({ accumulation: 0 })).rejects.toThrow(/accumulation is a number of micro-batches from 1, got 0/)
  const { step } = await start({ accumulation: 2 })
  const { images, targets } = data(1)
  expect(() => step.run(images, targets, { lr: 0.1, micro: { index: 2, of: 3 } })).toThrow(/micro-batch 2 of 3 cannot be/)
  expect(() => {
    step.updates = -1
  }).toThrow(/counted from 0/)
})

test('the reference device takes the same step', async () => {
  const options = { average: { decay: 0.9 }, clip: { mode: 'norm', limit: 1 } } as const
  const [a, b] = [await start(options), await start({ ...options, device: new ReferenceBackend() })]
  const [onWasm, onReference] = [await runs(a.step, 4), await runs(b.step, 4)]
  for (const [i, loss] of onReference.entries()) expect(onWasm[i]).toBeCloseTo(loss, 4)
})

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stateDict } from '@scanline/checkpoint'
import { openCheckpointFile } from '@scanline/checkpoint/node'
import { BatchNorm1d, Dropout, Linear, Module, type ModuleOptions } from '@scanline/nn'
import { adamw, cosine, parameterGroups, perUpdate } from '@scanline/optim'
import { crossEntropy, Generator, type RandomStreams, ReferenceBackend, scope, type Tensor, tensor } from '@scanline/tensor'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { type FitOptions, fit, type Progress, TrainStep } from '../src/index.js'
import { RunFolder } from '../src/node.js'

const device = new ReferenceBackend()
const root = await mkdtemp(join(tmpdir(), 'scanline-fit-'))
afterAll(() => rm(root, { recursive: true }))
let runs = 0
const newFolder = (): string => join(root, String(runs++))

class Net extends Module {
  readonly fc1: Linear
  readonly norm: BatchNorm1d
  readonly drop = new Dropout(0.2)
  readonly fc2: Linear
  constructor(options: ModuleOptions) {
    super()
    this.fc1 = new Linear(3, 4, options)
    this.norm = new BatchNorm1d(4, options)
    this.fc2 = new Linear(4, 2, options)
  }
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.fc2.forward(this.drop.forward(this.norm.forward(this.fc1.forward(x)), random)))
  }
}

const [epochs, updatesPerEpoch, accumulation, rows] = [4, 3, 2, 4]
const metrics = [0.2, 0.9, 0.5, 0.7]

class Killed extends Error {}

/** A run in a folder, from its beginning or from what is there; `killAt` throws at that micro-batch or save. */
async function run(
  path: string,
  { killAt = -1, abortAt = -1, more = {} }: { killAt?: number; abortAt?: number; more?: Partial<FitOptions> } = {},
) {
  const before: Progress | undefined = await RunFolder.progress(path)
  const stream = (state: { seed: number; draws: number } | undefined, seed: number) =>
    new Generator(state?.seed ?? seed, state?.draws ?? 0)
  const mixing = stream(before?.streams.mixing, 5)
  const model = new Net({ device, generator: new Generator(3) })
  const step = await TrainStep.create(model, {
    forward: (x, random) => model.forward(x, random),
    loss: ({ outputs, targets }) => crossEntropy(outputs, targets),
    images: { shape: [rows, 3], dtype: 'f32' },
    targets: { shape: [rows], dtype: 'i32' },
    optimizer: adamw(),
    groups: parameterGroups(model.namedParameters(), { weightDecay: 0.05 }),
    average: { decay: 0.8 },
    accumulation,
    random: stream(before?.random, 7),
  })
  const folder = await RunFolder.open(path, step)
  const resume = await folder.load()
  const controller = new AbortController()
  let at = 0
  const tick = () => {
    if (at === abortAt) controller.abort()
    if (at++ === killAt) throw new Killed()
  }
  const result = await fit({
    step,
    epochs,
    updatesPerEpoch,
    accumulation,
    rate: perUpdate(cosine({ rate: 0.05, length: epochs * updatesPerEpoch, warmup: { length: 2, start: 1e-3 } })),
    streams: { mixing },
    batches: async function* (epoch, from) {
      // One batch more than is used.
      for (let i = from; i <= updatesPerEpoch * accumulation; i++) {
        tick()
        const order = new Generator(1000 * epoch + i)
        const noise = i < updatesPerEpoch * accumulation ? 0.1 * mixing.normal() : 0
        const x = Float32Array.from({ length: rows * 3 }, () => order.normal() + noise)
        yield {
          images: tensor(x, { shape: [rows, 3], device }),
          targets: tensor(
            Array.from({ length: rows }, (_, k) => (x[3 * k] > 0 ? 1 : 0)),
            { device, dtype: 'i32' },
          ),
        }
      }
    },
    evaluate: async (epoch) => ({ loss: 1 - metrics[epoch], top1: metrics[epoch], top5: 1 }),
    keep: { keep: 2 },
    save: async (request) => {
      tick()
      await folder.save(request)
      tick()
    },
    saveEvery: 2,
    signal: controller.signal,
    ...(resume && { resume }),
    ...more,
  })
  return { ...result, model, step }
}

async function contents(path: string): Promise<Record<string, string>> {
  const names = (await readdir(path)).sort()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await readFile(join(path, name))).toString('base64')] as const)),
  )
}

const straight = newFolder()
const whole = await run(straight)

test('a run writes what it says', async () => {
  expect(whole.finished).toBe(true)
  expect((await readdir(straight)).sort()).toEqual([
    'best.safetensors',
    'checkpoint-1.safetensors',
    'checkpoint-3.safetensors',
    'last.safetensors',
    'summary.csv',
  ])
  const lines = (await readFile(join(straight, 'summary.csv'), 'utf8')).split('\r\n')
  expect(lines[0]).toBe('epoch,train_loss,eval_loss,eval_top1,eval_top5,lr')
  expect(lines).toHaveLength(epochs + 2)
  expect(whole.progress.best).toEqual({ epoch: 1, metric: 0.9 })
  expect(whole.step.updates).toBe(epochs * updatesPerEpoch)

  // The best weights are the averaged ones, under the model's own names.
  const model = new Net({ device })
  const checkpoint = await openCheckpointFile(join(straight, 'best.safetensors'))
  expect(await model.loadStateDict(stateDict(checkpoint))).toEqual({ missing: [], unexpected: [] })
  await checkpoint.close()
})

test('killed at any moment, or asked to stop, it goes on to the same files, byte for byte', async () => {
  const expected = await contents(straight)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.nat(45)), { minLength: 1, maxLength: 3 }), async (stops) => {
      const path = newFolder()
      for (const [kill, at] of stops)
        await run(path, kill ? { killAt: at } : { abortAt: at }).catch((error) => {
          if (!(error instanceof Killed)) throw error
        })
      expect((await run(path)).finished).toBe(true)
      expect(await contents(path)).toEqual(expected)
    }),
    { numRuns: 12 },
  )
}, 120_000)

test('a disk that takes no more loses nothing', async () => {
  const path = newFolder()
  let before: Record<string, string> = {}
  // A folder in the way of the last epoch's file: it cannot be put in its place.
  const evaluate = async (epoch: number) => {
    if (epoch === 3) {
      before = await contents(path)
      await mkdir(join(path, 'checkpoint-3.safetensors', 'in-the-way'), { recursive: true })
    }
    return { top1: metrics[epoch] }
  }
  await expect(run(path, { more: { evaluate } })).rejects.toThrow(/cannot be written .*what was there before is unchanged/)
  await rm(join(path, 'checkpoint-3.safetensors'), { recursive: true })
  const { 'summary.csv': _, ...after } = await contents(path)
  expect(before).toMatchObject(after)
  expect((await run(path)).finished).toBe(true)
})

test('remains of an interrupted write are cleared away', async () => {
  const path = newFolder()
  await mkdir(path)
  await writeFile(join(path, '.last.safetensors.0123456789ab.tmp'), 'half')
  expect((await run(path)).finished).toBe(true)
  expect(await contents(path)).toEqual(await contents(straight))
})

test('what cannot go on says why', async () => {
  const nothing = { resume: { ...whole.progress, epoch: 0 } }
  const path = newFolder()
  await expect(run(path, { more: { ...nothing, updatesPerEpoch: 9 } })).rejects.toThrow(
    /create the step with new Generator\(7, 24\)/,
  )
  await expect(run(path, { more: { updatesPerEpoch: 9, saveEvery: 0 } })).rejects.toThrow(/epoch 0 has 3 updates instead of 9/)
  const nan = {
    batches: async function* () {
      yield {
        images: tensor(new Float32Array(12).fill(Number.NaN), { shape: [4, 3], device }),
        targets: tensor([0, 0, 0, 0], { device, dtype: 'i32' }),
      }
    },
  }
  await expect(run(newFolder(), { more: nan })).rejects.toThrow(/the loss is NaN in epoch 0, update 0/)

  const weights = newFolder()
  await mkdir(weights)
  await writeFile(join(weights, 'last.safetensors'), await readFile(join(straight, 'best.safetensors')))
  await expect(run(weights)).rejects.toThrow(/holds weights and no training run/)
  await writeFile(join(weights, 'last.safetensors'), 'damaged')
  await expect(run(weights)).rejects.toThrow()
})

import { EfficientViM } from '@scanline/efficientvim'
import { MambaOut } from '@scanline/mambaout'
import { MambaVision } from '@scanline/mambavision'
import type { Module, ModuleOptions } from '@scanline/nn'
import { parameterGroups, sgd } from '@scanline/optim'
import { crossEntropy, Generator, type RandomStreams, type Tensor, tensor } from '@scanline/tensor'
import { Vim, variants } from '@scanline/vim'
import { createWasmBackend } from '@scanline/wasm'
import { afterAll, expect, test } from 'vitest'
import { recomputeUnits, TrainStep } from '../src/index.js'

const device = await createWasmBackend({ threads: 1 })
afterAll(() => device.dispose())

type Model = Module & { forward(x: Tensor, random?: RandomStreams): Tensor }

const common = { numClasses: 5, dropPathRate: 0.2 }
const models: Readonly<Record<string, (options: ModuleOptions) => Model>> = {
  MambaOut: (o) => new MambaOut({ depths: [2, 3, 2, 1], dims: [8, 12, 16, 16], ...common }, o),
  MambaVision: (o) =>
    new MambaVision({ dim: 16, inDim: 8, depths: [2, 2, 2, 2], numHeads: [1, 1, 2, 2], windowSize: [8, 8, 4, 2], ...common }, o),
  Vim: (o) => new Vim({ ...variants.vim_tiny, embedDim: 24, depth: 6, imgSize: 64, patchSize: 8, stride: 8, ...common }, o),
  EfficientViM: (o) => new EfficientViM({ embedDim: [32, 48, 48], depths: [3, 2, 1], stateDim: [9, 5, 3], ...common }, o),
}

const [batch, size] = [6, 64]

async function measure(create: (options: ModuleOptions) => Model, unit: 'blocks' | 'stages' | undefined) {
  using model = create({ device, generator: new Generator(5) })
  using step = await TrainStep.create(model, {
    forward: (x, random) => model.forward(x, random),
    loss: ({ outputs, targets }) => crossEntropy(outputs, targets),
    images: { shape: [batch, size, size, 3], dtype: 'f32' },
    targets: { shape: [batch], dtype: 'i32' },
    optimizer: sgd({ momentum: 0.9 }),
    groups: parameterGroups(model.namedParameters(), { weightDecay: 0.05 }),
    clip: { mode: 'norm', limit: 1 },
    random: new Generator(1),
    recompute: unit ? recomputeUnits(model, unit) : [],
  })
  const random = new Generator(2)
  const pixels = Float32Array.from({ length: batch * size * size * 3 }, () => random.normal())
  using images = tensor(pixels, { shape: [batch, size, size, 3], device })
  using targets = tensor([0, 1, 2, 3, 4, 0], { device, dtype: 'i32' })
  const losses: number[] = []
  for (let i = 0; i < 2; i++) {
    using loss = step.run(images, targets, { lr: 0.01 }).loss
    losses.push(await loss.item())
  }
  return { losses, bytes: step.programs[0].workingBytes }
}

test.each<[string, ...('blocks' | 'stages')[]]>([
  ['MambaOut', 'blocks', 'stages'],
  ['MambaVision', 'blocks', 'stages'],
  ['Vim', 'blocks'],
  ['EfficientViM', 'stages'],
])('%s: less memory, the same losses', async (name, ...units) => {
  const kept = await measure(models[name], undefined)
  for (const unit of units) {
    const again = await measure(models[name], unit)
    expect(again.bytes, unit).toBeLessThan(0.9 * kept.bytes)
    for (const [i, loss] of kept.losses.entries()) expect(again.losses[i]).toBeCloseTo(loss, 4)
  }
})

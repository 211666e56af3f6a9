import { bytesSource, openCheckpoint, type TensorData, tensorData, writePytorch, writeSafetensors } from '@scanline/checkpoint'
import { Generator, RandomStreams, type Tensor, tensor } from '@scanline/tensor'
import { fillState } from '@scanline/testing'
import { createWasmBackend } from '@scanline/wasm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Backbone, type CreateModelOptions, createModel } from '../src/index.js'

// Models as published are large: the device that is fast, and weights that are quickly made.
const device = await createWasmBackend({ threads: 1 })
afterAll(() => device.dispose())
const filled = async (name: string, options: Omit<CreateModelOptions, 'device'>): Promise<Backbone> => {
  const model = await createModel(name, { device, ...options })
  await model.loadStateDict(
    fillState(
      [...model.stateDict()].map(([key, { shape }]) => ({ name: key, shape })),
      'zoo',
    ),
  )
  return model
}
const images = (size = 32, channels = 3): Tensor =>
  tensor(
    Float32Array.from({ length: 2 * size * size * channels }, (_, i) => Math.sin(i)),
    { shape: [2, size, size, channels], device },
  )
const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number)

/** Names of a family's smallest model, and of what its checkpoints look like. */
interface Case {
  readonly model: string
  readonly features: readonly (readonly [channels: number, reduction: number])[]
  readonly layouts: readonly { readonly prefix: string; readonly key?: string }[]
}

const cases: readonly Case[] = [
  {
    model: 'test_mambaout',
    features: [
      [16, 4],
      [32, 8],
      [48, 16],
      [64, 32],
    ],
    layouts: [{ prefix: '' }, { prefix: '', key: 'model' }, { prefix: 'module.', key: 'state_dict' }],
  },
  {
    model: 'mamba_vision_T',
    features: [
      [80, 4],
      [160, 8],
      [320, 16],
      [640, 32],
    ],
    // Trainer's file, transformers file, masked autoencoder.
    layouts: [{ prefix: 'module.', key: 'state_dict' }, { prefix: 'model.' }, { prefix: 'encoder.', key: 'model' }],
  },
  {
    model: 'vim_tiny',
    features: Array.from({ length: 24 }, () => [192, 16] as const),
    layouts: [{ prefix: '', key: 'model' }],
  },
  {
    model: 'efficientvim_m1',
    features: [
      [128, 16],
      [192, 32],
      [320, 64],
    ],
    layouts: [{ prefix: '', key: 'model' }, { prefix: '' }],
  },
]

const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk.slice())
  return Buffer.concat(parts)
}
const stored = async (model: Backbone, prefix: string): Promise<Record<string, TensorData>> => {
  const entries: Record<string, TensorData> = {}
  for (const [name, t] of model.stateDict())
    entries[`${prefix}${name}`] = tensorData(t.dtype === 'i64' ? 'i64' : 'f32', t.shape, (await t.data()) as never)
  return entries
}

describe.each(cases)('$model', ({ model: name, features, layouts }) => {
  const size = name.startsWith('vim') ? { imgSize: 32 } : {}
  let trained: Backbone
  let logits: number[]
  beforeAll(async () => {
    trained = await filled(name, size)
    logits = await numbers(trained.forward(images()))
  })
  afterAll(() => trained.dispose())
  const create = (options: Omit<CreateModelOptions, 'device'>) => createModel(name, { device, ...size, ...options })

  test('loads from every file that is published of it', async () => {
    for (const { prefix, key } of layouts) {
      const weights = await stored(trained, prefix)
      const file =
        key === undefined ? writeSafetensors(new Map(Object.entries(weights))) : writePytorch({ epoch: 1, [key]: weights })
      using model = await create({ weights: await openCheckpoint(bytesSource(await collect(file))) })
      expect(await numbers(model.forward(images())), `${prefix} ${key}`).toEqual(logits)
    }
  })
  test('takes either of the two sets of weights of a training file', async () => {
    const last = await stored(trained, '')
    const averaged = Object.fromEntries(Object.entries(last).map(([key, value]) => [key, zeroed(value)]))
    const file = await collect(writePytorch({ model: last, model_ema: averaged }))
    // EfficientViM's published figures are those of the averaged weights.
    for (const averaged of [undefined, false, true]) {
      const weights = await openCheckpoint(bytesSource(file))
      using model = await create({ weights, ...(averaged !== undefined && { averaged }) })
      const first = await numbers([...model.stateDict().values()][0])
      expect(first.every((v) => v === 0)).toBe(averaged ?? name.startsWith('efficientvim'))
    }
  })
  test('gives features of chosen stages, with their channels and reductions, for odd sizes too', async () => {
    const backbone = await createModel(name, {
      device,
      ...size,
      weights: trained.stateDict(),
      featuresOnly: true,
      outIndices: [0, -2],
    })
    const chosen = [features[0], features[features.length - 2]]
    expect(backbone.channels).toEqual(chosen.map(([channels]) => channels))
    expect(backbone.reductions).toEqual(chosen.map(([, reduction]) => reduction))
    const side = size.imgSize ?? 37
    const maps = backbone.forward(images(side))
    expect(maps.map(({ shape }) => shape)).toEqual(
      chosen.map(([channels, reduction]) => [2, Math.ceil(side / reduction), Math.ceil(side / reduction), channels]),
    )
    const whole = trained.features(images(side), { outIndices: [0, -2] })
    expect(await numbers(maps[1])).toEqual(await numbers(whole[1]))
    backbone.dispose()
    const last = await createModel(name, { device, ...size, weights: trained.stateDict(), featuresOnly: true, outIndices: 2 })
    expect(last.outIndices).toEqual([features.length - 2, features.length - 1])
    last.dispose()
  })
  test('takes other classes, none, other channels and rates', async () => {
    const notices: string[] = []
    const settings = { numClasses: 7, inChans: 1, dropPathRate: 0.5, generator: new Generator(1) }
    using other = await create({ weights: trained.stateDict(), ...settings, onNotice: (m) => notices.push(m) })
    const grey = images(32, 1)
    expect(other.forward(grey).shape).toEqual([2, 7])
    expect(notices).toHaveLength(2)
    expect(() => other.train().forward(grey)).toThrow(/random/)
    const random = (seed: number) => new RandomStreams(new Generator(seed).key(device))
    expect(other.forward(grey, random(1)).shape).toEqual([2, 7])
    using none = await create({ weights: trained.stateDict(), numClasses: 0 })
    expect(none.forward(images()).shape).toEqual([2, none.headHiddenSize])
    expect(none.numClasses).toBe(0)
  })
  test('refuses what is no image of its own, and says what is', async () => {
    expect(() => trained.forward(images(32, 4))).toThrow(/needs images \[N, H, W, 3\]/)
    expect(() => trained.forward(tensor(new Float32Array(3072), { shape: [2, 3, 32, 16], device }))).toThrow(/permute/)
    const refused = createModel(name, { device, ...size, weights: trained.stateDict(), featuresOnly: true, outIndices: [99] })
    await expect(refused).rejects.toThrow(/stage 99 is not there/)
  })
})

const zeroed = (value: TensorData): TensorData =>
  value.dtype === 'i64' ? value : tensorData('f32', value.shape, new Float32Array(value.shape.reduce((n, d) => n * d, 1)))

describe('Vim at other image sizes', () => {
  test('resizes the position table on loading, by its own rule or the published one', async () => {
    using trained = await filled('vim_tiny', { imgSize: 48 })
    const table = await numbers([...trained.stateDict()].find(([key]) => key === 'pos_embed')![1])
    const positions = async (imgSize: number | [number, number], more = {}): Promise<number[]> => {
      const notices: string[] = []
      const options = { device, imgSize, weights: trained.stateDict(), onNotice: (m: string) => notices.push(m), ...more }
      using model = await createModel('vim_tiny', options)
      expect(notices).toEqual([expect.stringMatching(/^pos_embed was resized from 10 to \d+ tokens$/)])
      return numbers(model.stateDict().get('pos_embed')!)
    }
    // 9 patches and the class token at 4 become 24 and 12.
    const resized = await positions([64, 96])
    expect(resized).toHaveLength(25 * 192)
    expect(resized.slice(12 * 192, 13 * 192)).toEqual(table.slice(4 * 192, 5 * 192))
    const published = await positions([64, 96], { resizeAsPublished: true })
    expect(published.slice(0, 192)).toEqual(table.slice(0, 192))
    expect(published).not.toEqual(resized)
  })
  test('needs no resizing where the table fits, and refuses a table of no square', async () => {
    using wide = await filled('vim_tiny', { imgSize: [32, 64] })
    const notices: string[] = []
    const options = { device, weights: wide.stateDict(), onNotice: (m: string) => notices.push(m) }
    ;(await createModel('vim_tiny', { ...options, imgSize: [32, 64] })).dispose()
    expect(notices).toEqual([])
    // 8 patches.
    await expect(createModel('vim_tiny', { ...options, imgSize: 64 })).rejects.toThrow(/no square grid.*resizePosEmbed/)
  })
  test('rotary tables are made for the size', async () => {
    using trained = await filled('vim_tiny_rope', { imgSize: 32 })
    using larger = await createModel('vim_tiny_rope', { device, imgSize: 64, weights: trained.stateDict() })
    expect(larger.stateDict().get('rope.freqs_cos')!.shape).toEqual([16, 192])
    expect(larger.forward(images(64)).shape).toEqual([2, 1000])
  })
})

test('a rate that a family does not have is refused', async () => {
  await expect(createModel('efficientvim_m1', { device, dropRate: 0.1 })).rejects.toThrow(/has no dropout/)
})

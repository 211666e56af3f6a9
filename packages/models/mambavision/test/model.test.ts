import { StateDictError } from '@scanline/nn'
import {
  Generator,
  layerNorm,
  RandomStreams,
  ReferenceBackend,
  ShapeError,
  sub,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '@scanline/tensor'
import { CountingBackend } from '@scanline/testing'
import { describe, expect, test } from 'vitest'
import {
  denseVariants,
  MambaVision,
  MambaVisionBackbone,
  type MambaVisionConfig,
  type MambaVisionVariant,
  toPlain,
  variants,
} from '../src/index.js'

const device = new ReferenceBackend()
const micro: MambaVisionConfig = {
  dim: 8,
  inDim: 4,
  depths: [1, 1, 3, 2],
  numHeads: [1, 1, 2, 4],
  windowSize: [8, 8, 4, 2],
  numClasses: 5,
  dropPathRate: 0,
}
const images = (shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
    { device, shape },
  )
const build = (config: Partial<MambaVisionConfig> = {}): MambaVision =>
  new MambaVision({ ...micro, ...config }, { device, generator: new Generator(1) }).eval()
const data = async (t: Tensor): Promise<number[]> => [...((await t.data()) as Float32Array)]

describe('variants', () => {
  // Parameters and entries of the published state dicts.
  const published: Record<MambaVisionVariant, [number, number]> = {
    mamba_vision_T: [31_794_248, 252],
    mamba_vision_T2: [35_104_008, 298],
    mamba_vision_S: [50_140_584, 285],
    mamba_vision_B: [97_685_288, 356],
    mamba_vision_B_21k: [97_685_288, 356],
    mamba_vision_L: [227_961_048, 356],
    mamba_vision_L_21k: [227_961_048, 356],
    mamba_vision_L2: [241_554_824, 389],
    mamba_vision_L2_512_21k: [241_554_824, 389],
    mamba_vision_L3_256_21k: [739_570_472, 601],
    mamba_vision_L3_512_21k: [739_570_472, 601],
  }
  test.each(Object.entries(published))('%s has the published size', (name, [parameters, entries]) => {
    const model = new MambaVision(variants[name as MambaVisionVariant], { device: new CountingBackend() })
    expect([model.parameterCount(), model.stateDict().size]).toEqual([parameters, entries])
  })
  test('of an odd number of blocks the smaller half attends', () => {
    const model = new MambaVision(variants.mamba_vision_S, { device: new CountingBackend() })
    const kinds = model.levels.map((level) =>
      level.blocks.map((b) => ('mixer' in b ? b.mixer.constructor.name[0] : 'C')).join(''),
    )
    expect(kinds).toEqual(['CCC', 'CCC', 'MMMMAAA', 'MMMAA'])
  })
  test('drop path grows to the rate of the variant, and is 0.2 in every detector', () => {
    const rates = (model: MambaVision | MambaVisionBackbone) =>
      model.levels.flatMap((l) => l.blocks.map((b) => b.dropPath?.p ?? 0))
    const base = rates(new MambaVision(variants.mamba_vision_B, { device: new CountingBackend() }))
    expect([base[0], base[10], base.at(-1)]).toEqual([0, 0.15, 0.3].map((v) => expect.closeTo(v, 12)))
    for (const variant of Object.values(denseVariants))
      expect(rates(new MambaVisionBackbone(variant, { device: new CountingBackend() })).at(-1)).toBeCloseTo(0.2, 12)
  })
})

describe('inputs', () => {
  const model = build()
  test.each([
    [1, 1],
    [33, 17],
    [64, 130],
  ])('%i × %i pixels: every stride rounds up', (h, w) => {
    const up = (n: number, by: number) => Math.ceil(n / by)
    expect(model.forwardFeatures(images([2, h, w, 3])).shape).toEqual([2, up(h, 32), up(w, 32), 64])
    expect(model.forward(images([2, h, w, 3])).shape).toEqual([2, 5])
  })
  test('what is no batch of images is refused with advice', () => {
    expect(() => model.forward(zeros([1, 3, 8, 8], { device }))).toThrow(/MambaVision.*permute/)
    expect(() => model.forward(zeros([8, 8, 3], { device }))).toThrow(/unsqueeze/)
    expect(() => model.forward(zeros([1, 8, 8, 4], { device }))).toThrow(ShapeError)
    expect(() => model.forward(zeros([1, 8, 8, 3], { device, dtype: 'u8' }))).toThrow(/f32 images/)
  })
  test('training on one value per channel is refused, as batch statistics need two', () => {
    expect(() =>
      build()
        .train()
        .forward(images([1, 16, 16, 3])),
    ).toThrow(/more than one value per channel/)
  })
  test('configurations that make no model are refused', () => {
    expect(() => build({ depths: [1, 1, 1] })).toThrow(/four levels/)
    expect(() => build({ windowSize: [8, 8, 0, 2] })).toThrow(/a window/)
    expect(() => build({ numHeads: [1, 1, 3, 4] })).toThrow(/3 heads/)
    expect(() => build({ numClasses: -1 })).toThrow(/numClasses/)
    expect(() => new MambaVisionBackbone({ ...micro, normLayer: 'ln' as 'bn' }, { device })).toThrow(/"ln2d", "bn"/)
  })
})

test('a backbone takes a classifier with layer scale in its convolutions', async () => {
  const config = { ...micro, layerScale: 0.1, layerScaleConv: 0.2 }
  const { numClasses: _, ...trunk } = config
  using classifier = new MambaVision(config, { device, generator: new Generator(1) }).eval()
  using backbone = new MambaVisionBackbone({ ...trunk, windowSize: [8, 8, 16, 8], outIndices: [0] }, { device }).eval()
  await backbone.loadStateDict(classifier.stateDict())
  const x = images([1, 32, 48, 3])
  const [map] = classifier.features(x, { outIndices: [0] })
  expect(await data(backbone.forward(x)[0])).toEqual(
    await data(layerNorm(map, tensor(new Float32Array(8).fill(1), { device }), tensor(new Float32Array(8), { device }), 1e-5)),
  )
})

test('padding takes part: a larger window changes the result', async () => {
  const generator = () => new Generator(1)
  const [small, large] = [4, 8].map((s) =>
    new MambaVision({ ...micro, windowSize: [8, 8, s, 2] }, { device, generator: generator() }).eval(),
  )
  const x = images([1, 64, 64, 3])
  expect(await sum(sub(small.forwardFeatures(x), large.forwardFeatures(x))).item()).not.toBe(0)
})

describe('checkpoints', () => {
  const model = build()
  const x = images([1, 40, 24, 3])
  test.each(['', 'module.', 'model.', 'encoder.', 'backbone.', 'module.encoder.'])('entries under "%s"', async (prefix) => {
    const entries = [...model.stateDict()].map(([k, t]): [string, Tensor] => [`${prefix}${k}`, t])
    const others: [string, Tensor][] = prefix === '' ? [] : [['decode_head.conv.weight', model.norm.weight]]
    const loaded = new MambaVision(micro, { device }).eval()
    await loaded.loadStateDict([...others, ...entries])
    expect(await data(loaded.forward(x))).toEqual(await data(model.forward(x)))
  })
  test('counters may be missing; other entries may not', async () => {
    const entries = [...model.stateDict()].filter(([k]) => !k.endsWith('num_batches_tracked'))
    const loaded = new MambaVision(micro, { device }).eval()
    expect(await loaded.loadStateDict(entries)).toEqual({ missing: [], unexpected: [] })
    expect(await data(loaded.forward(x))).toEqual(await data(model.forward(x)))
    await expect(loaded.loadStateDict(entries.slice(1))).rejects.toThrow(StateDictError)
  })
  test('biases of the sequence convolutions are taken where a file has them', async () => {
    const name = 'levels.2.blocks.0.mixer.conv1d_x.bias'
    const bias = { shape: [16], data: new Float32Array(16).fill(0.5) }
    const loaded = new MambaVision(micro, { device }).eval()
    await loaded.loadStateDict([...model.stateDict(), [name, bias]])
    expect([...loaded.stateDict().keys()]).toContain(name)
    expect(await data(loaded.forward(x))).not.toEqual(await data(model.forward(x)))
  })
  test('entries of no known layout stay as they are', () => {
    expect(toPlain([['a.b', 1]])).toEqual([['a.b', 1]])
  })
})

describe('the backbone of detectors', () => {
  const x = images([1, 40, 24, 3])
  test('a classifier’s file: its maps, normalised', async () => {
    const classifier = build()
    const backbone = new MambaVisionBackbone({ ...micro, outIndices: [1, 3] }, { device }).eval()
    await backbone.loadStateDict(classifier.stateDict())
    const [, second, , last] = classifier.features(x)
    const maps = backbone.forward(x)
    expect(maps.map((m) => m.shape)).toEqual([second.shape, last.shape])
    expect(backbone.channels).toEqual([16, 64])
    expect(await data(maps[0])).toEqual(await data(layerNorm(second, undefined, undefined, 1e-5)))
    expect([...backbone.stateDict().keys()].slice(-4)).toEqual([
      'outnorm1.weight',
      'outnorm1.bias',
      'outnorm3.weight',
      'outnorm3.bias',
    ])
  })
  test('without indices: the last map, without a norm', async () => {
    const classifier = build()
    const backbone = new MambaVisionBackbone({ ...micro, outIndices: [] }, { device }).eval()
    await backbone.loadStateDict(classifier.stateDict())
    expect(await data(backbone.forward(x)[0])).toEqual(await data(classifier.forwardFeatures(x)))
  })
  test('batch norms, its own files, and training', async () => {
    const options = { device, generator: new Generator(2) }
    const backbone = new MambaVisionBackbone({ ...micro, dropPathRate: 0.2, normLayer: 'bn' }, options)
    expect(backbone.stateDict().has('outnorm0.running_var')).toBe(true)
    const random = new RandomStreams(new Generator(3).key(device))
    expect(backbone.forward(images([2, 64, 64, 3]), random).map((m) => m.shape[3])).toEqual([8, 16, 32, 64])
    const loaded = new MambaVisionBackbone({ ...micro, normLayer: 'bn' }, { device }).eval()
    await loaded.loadStateDict(backbone.stateDict())
    expect(await data(loaded.forward(x)[2])).toEqual(await data(backbone.eval().forward(x)[2]))
  })
})

describe('head and features', () => {
  const x = images([2, 40, 24, 3])
  test('no classes: the pooled vector', async () => {
    const model = build()
    const pooled = model.forwardHead(model.forwardFeatures(x), { preLogits: true })
    model.resetClassifier(0)
    expect([model.numClasses, model.numFeatures, model.headHiddenSize]).toEqual([0, 64, 64])
    expect(await data(model.forward(x))).toEqual(await data(pooled))
  })
  test('a new classifier: zeros, or from a generator, and nothing leaks', async () => {
    const own = new ReferenceBackend()
    const model = new MambaVision(micro, { device: own, generator: new Generator(3) })
    const before = own.memory().bytes
    model.resetClassifier(7)
    expect(new Set(await data(model.head!.weight))).toEqual(new Set([0]))
    model.resetClassifier(5, '', new Generator(4))
    expect(new Set(await data(model.head!.weight)).size).toBeGreaterThan(100)
    expect(own.memory().bytes).toBe(before)
    model.dispose()
    expect(own.memory().bytes).toBe(0)
  })
  test('pruning keeps the features and frees the rest', async () => {
    const model = build()
    const [expected] = model.features(x, { outIndices: [1] })
    expect(model.featureInfo[1]).toEqual({ channels: 16, reduction: 8 })
    expect(model.pruneIntermediateLayers([1])).toEqual([1])
    expect([...model.stateDict().keys()].filter((k) => /^levels\.[23]|^levels\.1\.downsample|^head/.test(k))).toEqual([])
    expect(await data(model.features(x, { outIndices: [1] })[0])).toEqual(await data(expected))
  })
})

test('initialisation as published', async () => {
  const model = new MambaVision(
    { ...micro, dim: 16, layerScale: 1e-5, layerScaleConv: 0.5 },
    { device, generator: new Generator(5) },
  )
  const linear: number[] = []
  for (const [name, t] of model.stateDict()) {
    const values = Array.from((await t.data()) as Float32Array, Number)
    const constant = (value: number) => expect(new Set(values), name).toEqual(new Set([Math.fround(value)]))
    if (/gamma_[12]$/.test(name)) constant(1e-5)
    else if (/gamma$/.test(name)) constant(0.5)
    else if (/\.D$|running_var$|norm\d?\.weight$|conv_down\.[14]\.weight$/.test(name)) constant(1)
    else if (/A_log$/.test(name))
      expect(values.slice(0, 8), name).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((k) => Math.fround(Math.log(k))))
    else if (/running_mean$|tracked$|norm\d?\.bias$|conv_down\.[14]\.bias$/.test(name)) constant(0)
    else if (/conv|reduction/.test(name)) {
      const [, inputs = 0, ...kernel] = t.shape
      const edge = 1 / Math.sqrt(t.rank > 1 ? kernel.reduce((a, b) => a * b, inputs) : 9 * t.size)
      expect(Math.max(...values.map(Math.abs)), name).toBeLessThanOrEqual(edge)
      expect(Math.max(...values.map(Math.abs)), name).toBeGreaterThan(0.5 * edge)
    } else if (/bias$/.test(name)) constant(0)
    else for (const v of values) linear.push(v)
  }
  expect(Math.sqrt(linear.reduce((s, v) => s + v * v, 0) / linear.length)).toBeCloseTo(0.02, 3)
})

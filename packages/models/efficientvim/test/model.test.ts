import { readFileSync } from 'node:fs'
import { StateDictError } from '@scanline/nn'
import {
  Generator,
  mean,
  RandomStreams,
  ReferenceBackend,
  reshape,
  type Shape,
  ShapeError,
  scope,
  type Tensor,
  valueAndGrad,
  zeros,
} from '@scanline/tensor'
import { CountingBackend, input } from '@scanline/testing'
import { describe, expect, test } from 'vitest'
import {
  EfficientViM,
  EfficientViMBackbone,
  type EfficientViMConfig,
  EfficientViMFpn,
  type EfficientViMVariant,
  variants,
} from '../src/index.js'

const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T
const device = new ReferenceBackend()
const micro: EfficientViMConfig = { embedDim: [8, 10, 12], depths: [1, 2, 1], stateDim: [4, 3, 2], numClasses: 5 }
const build = (config: Partial<EfficientViMConfig> = {}, on = device) =>
  new EfficientViM({ ...micro, ...config }, { device: on, generator: new Generator(1) })

describe('variants', () => {
  // Counted by the published implementation.
  const params: Record<EfficientViMVariant, number> = {
    efficientvim_m1: 6_679_458,
    efficientvim_m2: 13_903_842,
    efficientvim_m3: 16_604_174,
    efficientvim_m4: 19_606_505,
    efficientvim_m1_dist: 7_643_462,
    efficientvim_m2_dist: 15_315_846,
    efficientvim_m3_dist: 18_176_178,
    efficientvim_m4_dist: 21_178_509,
  }
  const entries = (name: string): number => (name.includes('m4') ? 406 : 307) + (name.endsWith('_dist') ? 9 : 0)
  test.each(Object.entries(params))('%s has %i parameters', (name, count) => {
    const model = new EfficientViM(variants[name as EfficientViMVariant], { device: new CountingBackend() })
    expect(model.parameterCount()).toBe(count)
    expect(model.stateDict().size).toBe(entries(name))
  })

  const states = load<Record<EfficientViMVariant, [string, Shape][]>>('states')
  test.each(Object.entries(states))('%s: names, shapes and order of the published checkpoint', (name, state) => {
    const model = new EfficientViM(variants[name as EfficientViMVariant], { device: new CountingBackend() })
    expect([...model.stateDict()].map(([key, tensor]) => [key, tensor.shape])).toEqual(state)
  })
})

describe('loading', () => {
  test("timm's flat norms and the authors' shapes give the same model", async () => {
    using a = build().eval()
    using b = new EfficientViM(micro, { device }).eval()
    const x = input('x', [1, 40, 70, 3], { device, dtype: 'f32' })
    const expected = await a.forward(x).data()
    const flat = (t: Tensor) => (/^1(,1)*$/.test(t.shape.filter((_, i) => i !== 1).join()) && t.rank > 2 ? reshape(t, [-1]) : t)
    const timm = [...a.stateDict()].map(([name, t]): [string, Tensor] => [name, flat(t)])
    expect(timm.find(([name]) => name === 'norm.3.weight')?.[1].shape).toEqual([12])
    await b.loadStateDict(timm)
    expect(await b.forward(x).data()).toEqual(expected)
    await b.loadStateDict(a.stateDict())
    expect(await b.forward(x).data()).toEqual(expected)
  })
  test("distilled weights do not load into a plain model, nor another variant's", async () => {
    using plain = build()
    const before = await plain.heads[0].weight.data()
    const error = await plain.loadStateDict(build({ distillation: true }).stateDict()).catch((e: unknown) => e)
    expect((error as StateDictError).unexpected).toContain('heads_dist.0.weight')
    const wider = await plain.loadStateDict(build({ stateDim: [5, 3, 2] }).stateDict()).catch((e: unknown) => e)
    expect(wider).toBeInstanceOf(StateDictError)
    expect(String(wider)).toMatch(/stages\.0\.blocks\.0\.mixer\.A is \[5\] instead of \[4\]/)
    expect(await plain.heads[0].weight.data()).toEqual(before)
  })
  test("a backbone takes a classifier's stem and stages", async () => {
    using model = build().eval()
    using backbone = new EfficientViMBackbone(micro, { device, outIndices: [-1] }).eval()
    await backbone.loadStateDict(model.stateDict())
    const x = input('x', [1, 32, 32, 3], { device, dtype: 'f32' })
    expect(await backbone.forward(x)[0].data()).toEqual(await model.features(x, { outIndices: [2] })[0].data())
  })
})

describe('files of training', () => {
  const x = input('x', [1, 40, 70, 3], { device, dtype: 'f32' })
  const wrapped = (model: EfficientViM, prefix: string) =>
    [...model.stateDict()].map(([name, t]): [string, Tensor] => [`${prefix}${name}`, t])
  test.each(['module.', '_orig_mod.', 'module.model.'])('%s before every name', async (prefix) => {
    using a = build({ distillation: true }).eval()
    using b = new EfficientViM({ ...micro, distillation: true }, { device }).eval()
    await b.loadStateDict(wrapped(a, prefix))
    expect(await b.forward(x).data()).toEqual(await a.forward(x).data())
  })
  test("a backbone out of a detector's file, beside the neck", async () => {
    using model = build().eval()
    using backbone = new EfficientViMBackbone(micro, { device }).eval()
    const trunk = wrapped(model, 'backbone.').filter(([name]) => /^backbone\.(patch_embed|stages)/.test(name))
    await backbone.loadStateDict([...trunk, ['neck.lateral_convs.0.conv.weight', { shape: [1], data: [0] }]])
    expect(await backbone.forward(x)[1].data()).toEqual(await model.features(x)[1].data())
  })
  test('counters may be missing or of another type; other entries may not', async () => {
    using a = build()
    using b = build()
    const counter = (name: string): boolean => name.endsWith('num_batches_tracked')
    const counted = [...a.stateDict()].map(([name, t]) => {
      const seven = { shape: [], dtype: 'f32', read: () => new Uint8Array(Float32Array.of(7).buffer) }
      return [name, counter(name) ? seven : t] as const
    })
    await b.loadStateDict(counted)
    expect(Number((await b.patchEmbed.conv[0].norm.numBatchesTracked.data())[0])).toBe(7)
    await b.loadStateDict(counted.filter(([name]) => !counter(name)))
    expect(Number((await b.patchEmbed.conv[0].norm.numBatchesTracked.data())[0])).toBe(0)
    const short = counted.filter(([name]) => name !== 'stages.0.blocks.0.mixer.A')
    await expect(b.loadStateDict(short)).rejects.toThrow(/mixer\.A/)
    await expect(b.loadStateDict([...counted, ['weights', a.weights!]])).rejects.toThrow(/"weights" twice/)
  })
})

describe('inputs', () => {
  test.each([
    [1, 1],
    [7, 50],
    [224, 33],
  ])('%i × %i pixels: every halving rounds up', (h, w) => {
    const up = (n: number, by: number) => Math.ceil(n / by)
    const model = build().eval()
    const maps = model.features(zeros([2, h, w, 3], { device })).map((t) => t.shape)
    expect(maps).toEqual([
      [2, up(h, 16), up(w, 16), 8],
      [2, up(h, 32), up(w, 32), 10],
      [2, up(h, 64), up(w, 64), 12],
    ])
    expect(model.forward(zeros([2, h, w, 3], { device })).shape).toEqual([2, 5])
  })
  test('channels first, a single image, and another number of channels are told apart', () => {
    const model = build().eval()
    expect(() => model.forward(zeros([1, 3, 8, 8], { device }))).toThrow(/permute/)
    expect(() => model.forward(zeros([8, 8, 3], { device }))).toThrow(/unsqueeze/)
    expect(() => model.forward(zeros([1, 8, 8, 4], { device }))).toThrow(ShapeError)
    expect(() => model.forward(zeros([1, 8, 8, 3], { device, dtype: 'u8' }))).toThrow(/f32 images/)
  })
  test('one image of one last pixel cannot be normalised by its batch', () => {
    expect(() =>
      build()
        .train()
        .forward(zeros([1, 32, 32, 3], { device })),
    ).toThrow(/more than one value per channel/)
  })
  test('configurations that make no model are refused', () => {
    expect(() => build({ depths: [1, 1] })).toThrow(/for each stage/)
    expect(() => build({ embedDim: [4, 8, 8] })).toThrow(/at least 8/)
    expect(() => build({ stateDim: [0, 1, 1] })).toThrow(/number of states/)
    expect(() => build({ numClasses: 1.5 })).toThrow(/numClasses/)
    expect(() => build().resetClassifier(-1)).toThrow(/numClasses/)
    expect(() => build({ dropPathRate: 1.5 })).toThrow(/dropPathRate/)
    expect(() => new EfficientViMFpn([8, 10, 12], { device, numOuts: 3, extraTransConvs: 1 })).toThrow(/raise numOuts/)
  })
})

describe('head and features', () => {
  const x = input('x', [2, 70, 40, 3], { device, dtype: 'f32' })
  test('no classes: the pooled vectors', async () => {
    const model = build().eval()
    const pooled = model.forwardHead(model.forwardFeatures(x), { preLogits: true })
    model.resetClassifier(0)
    expect([model.numClasses, model.numFeatures, model.headHiddenSize]).toEqual([0, 12, 42])
    expect(await model.forward(x).data()).toEqual(await pooled.data())
    expect([...model.stateDict().keys()].filter((key) => /^(weights|heads)/.test(key))).toEqual([])
    expect([...build({ numClasses: 0 }).stateDict().keys()]).toEqual([...model.stateDict().keys()])
  })
  test('a distilled model averages; without distillation there is no second set', async () => {
    const model = build({ distillation: true }).eval()
    const { logits, distilled } = model.forwardDistilled(x)
    const [a, b, both] = [await logits.data(), await distilled.data(), await model.forward(x).data()]
    for (const [i, v] of (both as Float32Array).entries()) expect(v).toBeCloseTo((Number(a[i]) + Number(b[i])) / 2, 6)
    expect(() => build().forwardDistilled(x)).toThrow(/distillation: true/)
  })
  test('a new classifier: zeros, or from a generator, and nothing leaks', async () => {
    const own = new ReferenceBackend()
    const model = build({ distillation: true }, own)
    const buffers = model.stateDict().size - model.parameters().length
    model.resetClassifier(7)
    expect(model.eval().forward(zeros([1, 8, 8, 3], { device: own })).shape).toEqual([1, 7])
    expect(new Set((await model.heads[3].weight.data()) as Float32Array)).toEqual(new Set([0]))
    expect(new Set((await model.weightsDist!.data()) as Float32Array)).toEqual(new Set([1]))
    model.resetClassifier(900, 'avg', new Generator(4))
    const values = [...((await model.heads[0].weight.data()) as Float32Array)]
    expect(Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length)).toBeCloseTo(0.02, 2)
    expect(() => model.resetClassifier(3, 'max')).toThrow(/pools by means/)
    expect(buffers).toBeGreaterThan(0)
    model.dispose()
    model.dispose()
  })
  test('pruning keeps the features and frees the rest', async () => {
    const model = build().eval()
    const [expected] = model.features(x, { outIndices: [1] })
    const before = model.parameterCount()
    expect(model.pruneIntermediateLayers([1])).toEqual([1])
    expect(model.parameterCount()).toBeLessThan(before)
    expect([...model.stateDict().keys()].filter((name) => name.startsWith('stages.1.downsample'))).toEqual([])
    expect(model.featureInfo).toEqual([
      { channels: 8, reduction: 16 },
      { channels: 10, reduction: 32 },
    ])
    expect(await model.features(x, { outIndices: [1] })[0].data()).toEqual(await expected.data())
    expect(model.pruneIntermediateLayers([0])).toEqual([0])
  })
  test('intermediates: indices and formats', () => {
    const { final, intermediates } = build()
      .eval()
      .forwardIntermediates(x, { indices: [0, -1], format: 'NCHW' })
    expect(intermediates.map((t) => t.shape)).toEqual([
      [2, 8, 5, 3],
      [2, 12, 2, 1],
    ])
    expect(final.shape).toEqual([2, 42])
    expect(() => build().features(x, { outIndices: [3] })).toThrow(/stage 3 is not there; the model has 3/)
  })
})

test('a frozen stem is left out of what an optimizer changes', () => {
  const free = new EfficientViMBackbone(micro, { device })
  const frozen = new EfficientViMBackbone(micro, { device, frozenStages: 0 })
  expect(free.trainableParameters().length).toBe(free.parameters().length)
  expect(frozen.trainableParameters().length).toBe(frozen.parameters().length - frozen.patchEmbed.parameters().length)
})

test('drop path grows evenly, needs random numbers in training and changes nothing in evaluation', async () => {
  const [plain, dropping] = [build(), build({ dropPathRate: 0.3 })]
  expect(dropping.stages.map((s) => s.blocks.map((b) => b.dropPath?.p ?? 0))).toEqual([
    [0],
    [0.1, 0.2].map((v) => expect.closeTo(v, 12)),
    [0.3],
  ])
  const x = input('x', [2, 100, 100, 3], { device, dtype: 'f32' })
  expect(() => dropping.train().forward(x)).toThrow(/RandomStreams/)
  expect(dropping.forward(x, new RandomStreams(new Generator(1).key(device))).shape).toEqual([2, 5])
  const again = build({ dropPathRate: 0.3 }).eval()
  const [a, b] = [await plain.eval().forward(x).data(), await again.forward(x).data()]
  for (const [i, v] of (a as Float32Array).entries()) expect(Number(b[i])).toBeCloseTo(v, 5)
})

test('initialisation: alpha 1e-4, equal shares, unit norms, linears with std 0.02, convolutions within 1/√fanIn', async () => {
  const model = build({ embedDim: [16, 24, 32], numClasses: 100 })
  for (const [name, t] of model.stateDict()) {
    const values = [...(await t.data())].map(Number)
    const only = (v: number) => expect(new Set(values), name).toEqual(new Set([v]))
    if (/num_batches|running_mean|heads.*bias/.test(name)) only(0)
    else if (/running_var|norm.*weight|^weights$|mixer\.D$/.test(name)) only(1)
    else if (/norm.*bias/.test(name)) only(0)
    else if (name.endsWith('alpha')) only(Math.fround(1e-4))
    else if (name.startsWith('heads'))
      expect(Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length), name).toBeCloseTo(0.02, 2)
    else if (name.endsWith('mixer.A')) for (const v of values) expect(v >= 1 && v < 16, name).toBe(true)
    else if (/fc[12]\.bias$/.test(name)) {
      // Of the squeeze-and-excitation, whose weights are drawn alike.
      const fanIn = model.stateDict().get(name.replace('bias', 'weight'))!.shape[1]
      const largest = Math.max(...values.map(Math.abs)) * Math.sqrt(fanIn)
      expect(largest, name).toBeLessThanOrEqual(1 + 1e-6)
      expect(largest, name).toBeGreaterThan(0.5)
    } else if (name.endsWith('weight')) {
      const fanIn = t.shape.slice(1).reduce((a, b) => a * b)
      const largest = Math.max(...values.map(Math.abs)) * Math.sqrt(fanIn)
      expect(largest, name).toBeLessThanOrEqual(1 + 1e-6)
      expect(largest, name).toBeGreaterThan(0.5)
    }
  }
})

test('eager inference and training give back all memory', () => {
  const own = new ReferenceBackend()
  const model = build({ dropPathRate: 0.2 }, own)
  const x = input('x', [2, 96, 64, 3], { device: own, dtype: 'f32' })
  const before = own.memory()
  model.eval().forward(x).dispose()
  expect(own.memory()).toEqual(before)
  model.train()
  scope(() => {
    const random = new RandomStreams(new Generator(1).key(own))
    const { value, grads } = valueAndGrad(() => mean(model.forward(x, random)), model.parameters())
    expect(grads.length).toBe(model.parameters().length)
    expect(value.size).toBe(1)
  })
  expect(own.memory()).toEqual(before)
})

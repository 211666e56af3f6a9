import { readFileSync } from 'node:fs'
import { dropPathSchedule, StateDictError } from '@scanline/nn'
import {
  Generator,
  mean,
  permute,
  RandomStreams,
  ReferenceBackend,
  type Shape,
  ShapeError,
  scope,
  Tensor,
  valueAndGrad,
  zeros,
} from '@scanline/tensor'
import { CountingBackend, input } from '@scanline/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  MambaOut,
  type MambaOutConfig,
  type MambaOutVariant,
  officialToTimm,
  timmToOfficial,
  toOfficial,
  toTimm,
  variants,
} from '../src/index.js'

const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T
const device = new ReferenceBackend()
const micro: MambaOutConfig = { depths: [1, 1], dims: [4, 6], numClasses: 5, kernelSize: 3 }

describe('variants', () => {
  // Counted by the published implementations.
  const params: Record<MambaOutVariant, number> = {
    mambaout_femto: 7_304_536,
    mambaout_kobe: 9_141_208,
    mambaout_tiny: 26_545_096,
    mambaout_small: 48_488_072,
    mambaout_base: 84_813_092,
    mambaout_small_rw: 48_495_560,
    mambaout_base_short_rw: 88_827_688,
    mambaout_base_tall_rw: 86_481_448,
    mambaout_base_wide_rw: 94_448_104,
    mambaout_base_plus_rw: 101_656_552,
    test_mambaout: 447_560,
  }
  test.each(Object.entries(params))('%s has %i parameters', (name, count) => {
    const model = new MambaOut(variants[name as MambaOutVariant], { device: new CountingBackend() })
    expect(model.parameterCount()).toBe(count)
  })

  const states = load<Record<string, { model: MambaOutVariant; source: string; state: [string, Shape][] }>>('states')
  test.each(Object.entries(states))('%s: names, shapes and order of the published checkpoint', (_, { model, source, state }) => {
    const built = new MambaOut(variants[model], { device: new CountingBackend() })
    const layout = source.startsWith('timm') ? 'timm' : 'official'
    expect([...built.stateDict({ layout })].map(([name, tensor]) => [name, tensor.shape])).toEqual(state)
  })
})

describe('key layouts', () => {
  const pairs = load<[string, string][]>('timm_keys_femto')
  test('map as published, both ways', () => {
    expect(pairs.map(([official]) => officialToTimm(official))).toEqual(pairs.map(([, timm]) => timm))
    expect(pairs.map(([, timm]) => timmToOfficial(timm))).toEqual(pairs.map(([official]) => official))
  })
  test('map one to one for any model', () => {
    const counting = new CountingBackend()
    const stage = fc.record({ depth: fc.integer({ min: 0, max: 12 }), half: fc.integer({ min: 1, max: 4 }) })
    fc.assert(
      fc.property(
        fc.array(stage, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        fc.constantFrom('mlp' as const, 'norm_mlp' as const),
        fc.constantFrom(undefined, 1e-5),
        (stages, stemMidNorm, head, lsInit) => {
          const model = new MambaOut(
            {
              depths: stages.map((s) => s.depth),
              dims: stages.map((s) => 2 * s.half),
              stemMidNorm,
              head,
              ...(lsInit && { lsInit }),
            },
            { device: counting },
          )
          const timm = [...model.stateDict()]
          const official = toOfficial(timm)
          expect(new Set(official.map(([key]) => key)).size).toBe(timm.length)
          expect(new Map(toTimm(official))).toEqual(new Map(timm))
          expect(toTimm(timm)).toEqual(timm)
        },
      ),
      { numRuns: 50 },
    )
  })
  test('a model loads what another one gives, in either layout', async () => {
    const a = new MambaOut(micro, { device, generator: new Generator(1) }).eval()
    const b = new MambaOut(micro, { device }).eval()
    const x = input('x', [1, 9, 11, 3], { device, dtype: 'f32' })
    const expected = await a.forward(x).data()
    for (const layout of ['official', 'timm'] as const) {
      for (const t of b.parameters()) t.write(new Float32Array(t.size))
      await b.loadStateDict(a.stateDict({ layout }))
      expect(await b.forward(x).data()).toEqual(expected)
    }
  })
})

test('a checkpoint of another variant is refused before anything is written', async () => {
  const model = new MambaOut(micro, { device, generator: new Generator(1) })
  const before = await model.stem.conv1.weight.data()
  const other = new MambaOut({ ...micro, dims: [4, 8], depths: [2, 1] }, { device, generator: new Generator(2) })
  const error = await model.loadStateDict(other.stateDict()).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(StateDictError)
  expect((error as StateDictError).unexpected).toContain('stages.0.blocks.1.fc1.weight')
  expect(String(error)).toMatch(/stages\.1\.downsample\.conv\.weight is \[8, 4, 3, 3\] instead of \[6, 4, 3, 3\]/)
  expect(await model.stem.conv1.weight.data()).toEqual(before)
})

describe('drop path', () => {
  test('grows evenly from the first block to the last', () => {
    expect(dropPathSchedule([1, 2, 2], 0.4).flat()).toEqual([0, 0.1, 0.2, 0.4 * 0.75, 0.4].map((v) => expect.closeTo(v, 12)))
    expect(dropPathSchedule([1], 0.4)).toEqual([[0]])
    const model = new MambaOut({ ...micro, depths: [1, 2], dropPathRate: 0.3 }, { device })
    expect(model.stages.map((s) => s.blocks.map((b) => b.dropPath?.p))).toEqual([[undefined], [0.15, 0.3]])
  })
  test('needs random numbers in training mode and none in evaluation', () => {
    const model = new MambaOut({ ...micro, dropPathRate: 0.3, headDropout: 0.1 }, { device, generator: new Generator(1) })
    const x = zeros([2, 8, 8, 3], { device })
    expect(() => model.forward(x)).toThrow(/DropPath\(0\.3\) is in training mode.*RandomStreams/)
    expect(model.forward(x, new RandomStreams(new Generator(1).key(device))).shape).toEqual([2, 5])
    expect(model.eval().forward(x).shape).toEqual([2, 5])
  })
})

describe('inputs', () => {
  const model = new MambaOut(micro, { device, generator: new Generator(1) }).eval()
  test.each([
    [1, 1],
    [7, 50],
    [33, 16],
  ])('%i × %i pixels: every stride rounds up', (h, w) => {
    const up = (n: number, by: number) => Math.ceil(n / by)
    expect(model.forwardFeatures(zeros([2, h, w, 3], { device })).shape).toEqual([2, up(h, 8), up(w, 8), 6])
  })
  test('channels first, a single image, and another number of channels are told apart', () => {
    expect(() => model.forward(zeros([1, 3, 8, 8], { device }))).toThrow(/permute/)
    expect(() => model.forward(zeros([8, 8, 3], { device }))).toThrow(/unsqueeze/)
    expect(() => model.forward(zeros([1, 8, 8, 4], { device }))).toThrow(ShapeError)
    expect(() => model.forward(zeros([1, 8, 8, 3], { device, dtype: 'u8' }))).toThrow(/f32 images/)
  })
  test('configurations that make no model are refused', () => {
    expect(() => new MambaOut({ ...micro, dims: [4] }, { device })).toThrow(/one depth and one width/)
    expect(() => new MambaOut({ ...micro, kernelSize: 4 }, { device })).toThrow(/odd/)
    expect(() => new MambaOut({ ...micro, convRatio: 3 }, { device })).toThrow(/convolved/)
    expect(() => new MambaOut({ ...micro, act: 'mish' as 'gelu' }, { device })).toThrow(/gelu, silu, relu/)
  })
})

describe('head and features', () => {
  const x = input('x', [2, 40, 24, 3], { device, dtype: 'f32' })
  const build = (config: Partial<MambaOutConfig> = {}) =>
    new MambaOut({ ...micro, ...config }, { device, generator: new Generator(3) }).eval()

  test('no classes: the hidden vector', async () => {
    const model = build()
    const hidden = model.forwardHead(model.forwardFeatures(x), { preLogits: true })
    model.resetClassifier(0)
    expect([model.numClasses, model.numFeatures, model.headHiddenSize]).toEqual([0, 6, 24])
    expect(await model.forward(x).data()).toEqual(await hidden.data())
    expect(model.forward(x).shape).toEqual([2, 24])
  })
  test('a new classifier: zeros, or from a generator, and nothing leaks', async () => {
    const own = new ReferenceBackend()
    const model = new MambaOut(micro, { device: own, generator: new Generator(3) })
    model.resetClassifier(7)
    expect(new Set((await model.head.fc!.weight.data()) as Float32Array)).toEqual(new Set([0]))
    model.resetClassifier(9, 'avg', new Generator(4))
    const values = [...((await model.head.fc!.weight.data()) as Float32Array)]
    const std = Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length)
    expect(std).toBeGreaterThan(0.015)
    expect(std).toBeLessThan(0.025)
    expect(own.memory().bytes).toBe(4 * model.parameterCount())
    model.dispose()
    model.dispose()
    expect(own.memory().bytes).toBe(0)
  })
  test.each(['avg', 'max', 'avgmax', ''] as const)("pool '%s' of the norm_mlp head", (globalPool) => {
    const model = build({ head: 'norm_mlp', globalPool })
    expect(model.forward(x).shape).toEqual(globalPool === '' ? [2, 5, 3, 5] : [2, 5])
  })
  test('intermediates: indices, formats, early stop', async () => {
    const model = build()
    const { final, intermediates } = model.forwardIntermediates(x, { indices: [0, -1], format: 'NCHW' })
    expect(intermediates.map((t) => t.shape)).toEqual([
      [2, 4, 10, 6],
      [2, 6, 5, 3],
    ])
    expect(await permute(intermediates[1], [0, 2, 3, 1]).data()).toEqual(await final.data())
    expect(model.forwardIntermediates(x, { indices: [0], stopEarly: true }).final.shape).toEqual([2, 10, 6, 4])
    expect(model.features(x, { outIndices: 1 }).map((t) => t.shape)).toEqual([[2, 5, 3, 6]])
    expect(model.featureInfo).toEqual([
      { channels: 4, reduction: 4 },
      { channels: 6, reduction: 8 },
    ])
    expect(() => model.features(x, { outIndices: [2] })).toThrow(/stage 2 is not there; the model has 2/)
  })
  test('pruning keeps the features and frees the rest', async () => {
    const model = build()
    const [expected] = model.features(x, { outIndices: [0] })
    const before = model.parameterCount()
    expect(model.pruneIntermediateLayers([0])).toEqual([0])
    expect(model.stages.length).toBe(1)
    expect(model.parameterCount()).toBeLessThan(before)
    const [actual] = model.features(x)
    expect(await actual.data()).toEqual(await expected.data())
  })
})

test('initialisation: normal weights, zero biases, unit norms, layer scale of 1e-5', async () => {
  const model = new MambaOut({ ...micro, dims: [24, 32], ...{ lsInit: 1e-5 } }, { device, generator: new Generator(5) })
  const weights: number[] = []
  for (const [name, tensor] of model.namedParameters()) {
    const values = [...((await tensor.data()) as Float32Array)]
    if (name.endsWith('gamma')) expect(new Set(values), name).toEqual(new Set([Math.fround(1e-5)]))
    else if (/norm\d?\.weight$/.test(name)) expect(new Set(values), name).toEqual(new Set([1]))
    else if (name.endsWith('bias')) expect(new Set(values), name).toEqual(new Set([0]))
    else for (const v of values) weights.push(v)
  }
  const std = Math.sqrt(weights.reduce((s, v) => s + v * v, 0) / weights.length)
  expect(std).toBeCloseTo(0.02, 3)
})

test('eager inference and training give back all memory', () => {
  const own = new ReferenceBackend()
  const model = new MambaOut({ ...micro, dropPathRate: 0.2 }, { device: own, generator: new Generator(1) })
  const x = input('x', [2, 16, 16, 3], { device: own, dtype: 'f32' })
  const before = own.memory()
  model.eval()
  model.forward(x).dispose()
  expect(own.memory()).toEqual(before)
  model.train()
  scope(() => {
    const random = new RandomStreams(new Generator(1).key(own))
    const { value, grads } = valueAndGrad(() => mean(model.forward(x, random)), model.parameters())
    expect(grads.every((g) => g instanceof Tensor)).toBe(true)
    expect(value.size).toBe(1)
  })
  expect(own.memory()).toEqual(before)
})

test('prints as a tree of modules', () => {
  const model = new MambaOut({ ...micro, depths: [1, 3] }, { device })
  expect(model.toString()).toMatchInlineSnapshot(`
    "MambaOut  2,117 parameters
      stem: Stem(gelu)  144 parameters
        conv1: Conv2d(3 → 2, 3×3, stride 2, padding 1)  weight [2, 3, 3, 3], bias [2]
        norm1: LayerNorm(2, eps 1e-6)  weight [2], bias [2]
        conv2: Conv2d(2 → 4, 3×3, stride 2, padding 1)  weight [4, 2, 3, 3], bias [4]
        norm2: LayerNorm(4, eps 1e-6)  weight [4], bias [4]
      stages.0: MambaOutStage  192 parameters
        blocks.0: GatedCnnBlock(gelu)  192 parameters
          norm: LayerNorm(4, eps 1e-6)  weight [4], bias [4]
          fc1: Linear(4 → 20)  weight [20, 4], bias [20]
          conv: Conv2d(4 → 4, 3×3, padding 1, groups 4)  weight [4, 1, 3, 3], bias [4]
          fc2: Linear(10 → 4)  weight [4, 10], bias [4]
      stages.1: MambaOutStage  1,428 parameters
        downsample: Downsample  234 parameters
          conv: Conv2d(4 → 6, 3×3, stride 2, padding 1)  weight [6, 4, 3, 3], bias [6]
          norm: LayerNorm(6, eps 1e-6)  weight [6], bias [6]
        blocks.0 … blocks.2: GatedCnnBlock(gelu)  398 parameters each
          norm: LayerNorm(6, eps 1e-6)  weight [6], bias [6]
          fc1: Linear(6 → 32)  weight [32, 6], bias [32]
          conv: Conv2d(6 → 6, 3×3, padding 1, groups 6)  weight [6, 1, 3, 3], bias [6]
          fc2: Linear(16 → 6)  weight [6, 16], bias [6]
      head: MlpHead(pool 'avg')  353 parameters
        norm: LayerNorm(6, eps 1e-6)  weight [6], bias [6]
        pre_logits: HiddenLayer(gelu)  216 parameters
          fc: Linear(6 → 24)  weight [24, 6], bias [24]
          norm: LayerNorm(24, eps 1e-6)  weight [24], bias [24]
        fc: Linear(24 → 5)  weight [5, 24], bias [5]"
  `)
})

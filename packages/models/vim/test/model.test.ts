import {
  ArgumentError,
  Generator,
  RandomStreams,
  ReferenceBackend,
  ShapeError,
  slice,
  square,
  sum,
  tensor,
  valueAndGrad,
  zeros,
} from '@scanline/tensor'
import { CountingBackend } from '@scanline/testing'
import { describe, expect, test } from 'vitest'
import { registeredNames, resizePosEmbed, Vim, type VimVariant, variants } from '../src/index.js'

const device = new ReferenceBackend()
const tiny = { imgSize: 32, depth: 4, embedDim: 16, numClasses: 5 } as const
const fresh = (config: ConstructorParameters<typeof Vim>[0] = {}) =>
  new Vim({ ...tiny, ...config }, { device, generator: new Generator(1) })

describe('parameters', () => {
  test.each([
    ['vim_tiny', 224, 7_148_008],
    ['vim_tiny_stride8', 224, 7_250_344],
    ['vim_small', 224, 25_796_584],
    ['vim_small_stride8', 224, 26_001_256],
    ['vim_base', 224, 97_598_440],
    ['vim_tiny', 384, 7_220_968],
    ['vim_tiny', 64, 7_113_448],
  ] as [VimVariant, number, number][])('%s at %i has the published number', (name, imgSize, params) => {
    const model = new Vim({ ...variants[name], imgSize }, { device: new CountingBackend() })
    expect(model.parameterCount()).toBe(params)
    expect(model.stateDict().size).toBe(415)
  })
  test('every registered name means a variant', () => {
    for (const variant of Object.values(registeredNames)) expect(Object.keys(variants)).toContain(variant)
  })
})

describe('initial values', () => {
  test('the backward step bias is 0, decay rates count up, the output projection is divided by √depth', async () => {
    using model = fresh({ imgSize: 64, embedDim: 32, depth: 16 })
    const values = async (name: string) => [...(await model.stateDict().get(name)!.data())].map(Number)
    expect(new Set(await values('layers.0.mixer.dt_proj_b.bias'))).toEqual(new Set([0]))
    for (const bias of await values('layers.0.mixer.dt_proj.bias')) {
      const step = Math.log1p(Math.exp(bias))
      expect(step).toBeGreaterThan(0.000999)
      expect(step).toBeLessThan(0.1001)
    }
    expect((await values('layers.1.mixer.A_b_log')).slice(0, 16)).toEqual(
      Array.from({ length: 16 }, (_, i) => Math.fround(Math.log(i + 1))),
    )
    const largest = Math.max(...(await values('layers.0.mixer.out_proj.weight')).map(Math.abs))
    expect(largest).toBeLessThanOrEqual(1 / 8 / 4)
    expect(largest).toBeGreaterThan(0.95 / 8 / 4)
    expect(new Set(await values('norm_f.weight'))).toEqual(new Set([1]))
  })
})

describe('what it refuses', () => {
  test('other sizes, and says why and what to do', () => {
    using model = fresh()
    expect(() => model.forward(zeros([1, 48, 32, 3], { device }))).toThrow(/32 × 32.*imgSize \[48, 32\].*resizePosEmbed/)
  })
  test.each([
    [{ imgSize: 8 }, /smaller than a patch/],
    [{ rope: true, classToken: 'double' }, /rotary tables need/],
    [{ rope: true, classToken: 'none', stride: 8 }, /rotary tables need/],
    [{ layerPairs: true, depth: 3 }, /even depth/],
    [{ classToken: 'first' as 'front' }, /"middle", "front"/],
    [{ finalPool: 'avg' as 'mean' }, /"last", "mean"/],
  ] as const)('%o', (config, message) => {
    expect(() => fresh(config)).toThrow(ArgumentError)
    expect(() => fresh(config)).toThrow(message)
  })
  test('a table of another length', () => {
    expect(() => resizePosEmbed(zeros([1, 6, 2], { device }), { from: [2, 2], to: [3, 3] })).toThrow(ShapeError)
  })
})

describe('training mode', () => {
  test('drop path needs random numbers, and the first layer keeps every sample', async () => {
    using model = fresh({ dropPathRate: 0.5 })
    const x = zeros([2, 32, 32, 3], { device })
    expect(() => model.forward(x)).toThrow(ArgumentError)
    const random = () => new RandomStreams(new Generator(7).key(device))
    const logits = await model.forward(x, random()).data()
    expect(await model.forward(x, random()).data()).toEqual(logits)
    expect(await model.eval().forward(x).data()).not.toEqual(logits)
  })
  test('sequences are reversed at random only there', async () => {
    using model = fresh({ flipRatio: 0.5 })
    const image = tensor(
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
      { device, shape: [1, 32, 32, 3] },
    )
    expect(() => model.forward(image)).toThrow(/random/)
    const seen = new Set<string>()
    for (let seed = 0; seed < 12; seed++)
      seen.add(String(await model.forward(image, new RandomStreams(new Generator(seed).key(device))).data()))
    expect(seen.size).toBe(2)
    model.eval().forward(image)
  })
})

describe('token orders', () => {
  const image = tensor(
    Float64Array.from({ length: 2 * 6144 }, (_, i) => Math.sin(i)),
    { device, dtype: 'f64', shape: [2, 32, 64, 3] },
  )
  const small = { ...tiny, imgSize: [32, 64], depth: 2, embedDim: 8 } as const
  const build = (config: object) => new Vim({ ...small, ...config }, { device, dtype: 'f64', generator: new Generator(3) })
  const streams = (seed: number) => new RandomStreams(new Generator(seed).key(device))
  const logits = async (model: Vim, seed: number) => [...(await model.forward(image, streams(seed)).data())].map(Number)

  test('every order of the tokens comes up, the class token follows, and evaluation has none', async () => {
    // No layers: what the classifier reads must not depend on the order.
    using flat = build({ shuffleTokens: true, depth: 0 })
    using plain = build({ depth: 0 })
    const expected = await logits(plain, 0)
    for (let seed = 0; seed < 5; seed++)
      for (const [i, v] of (await logits(flat, seed)).entries()) expect(v).toBeCloseTo(expected[i], 12)
    using model = build({ shuffleTokens: true })
    expect(() => model.forward(image)).toThrow(/random order of tokens needs random numbers/)
    expect(await logits(model, 1)).not.toEqual(await logits(model, 2))
    expect(await logits(model, 1)).toEqual(await logits(model, 1))
    using same = build({})
    expect([...(await model.eval().forward(image).data())]).toEqual([...(await same.eval().forward(image).data())])
  })
  test('maps come back in their order', async () => {
    // The first layer's residual is the tokens themselves; without its mixer's output that is what a map shows.
    using model = build({ shuffleTokens: true, classToken: 'none', depth: 1 })
    for (const t of model.layers[0].mixer.outProj.parameters()) t.write(new Float64Array(t.size))
    const map = async (m: Vim, seed: number) => [...(await m.features(image, { random: streams(seed) })[0].data())].map(Number)
    using still = build({ classToken: 'none', depth: 1 })
    for (const t of still.layers[0].mixer.outProj.parameters()) t.write(new Float64Array(t.size))
    const wanted = await map(still, 0)
    for (const [i, v] of (await map(model, 5)).entries()) expect(v).toBeCloseTo(wanted[i], 12)
  })
  test('the class token takes every place, with the position of that place', async () => {
    using model = build({ classToken: 'front', randomClassToken: true, depth: 0 })
    const seen = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const values = await logits(model, seed)
      // One place for the whole batch.
      expect(values.slice(0, 5)).toEqual(values.slice(5))
      seen.add(String(values.slice(0, 5).map((v) => v.toFixed(9))))
    }
    expect(seen.size).toBe(9)
    expect(() => build({ randomClassToken: true })).toThrow(/classToken "front", got "middle"/)
  })
  test('gradients reach every weight through an order', () => {
    using model = build({ classToken: 'front', randomClassToken: true, shuffleTokens: true })
    const { grads } = valueAndGrad(() => sum(square(model.forward(image, streams(4)))), [model.posEmbed!, model.clsToken!])
    expect(grads.map(({ shape }) => shape)).toEqual([
      [1, 9, 8],
      [1, 1, 8],
    ])
  })
})

describe('as a backbone', () => {
  test('layers as maps, without class tokens, whatever their place', async () => {
    for (const classToken of ['middle', 'front', 'double', 'none'] as const) {
      using model = fresh({ imgSize: [32, 48], classToken }).eval()
      const maps = model.features(zeros([1, 32, 48, 3], { device }), { outIndices: [0, -1] })
      expect(maps.map(({ shape }) => shape)).toEqual([
        [1, 2, 3, 16],
        [1, 2, 3, 16],
      ])
    }
  })
  test('pruning leaves the kept layers as they are', async () => {
    using model = fresh().eval()
    const x = zeros([1, 32, 32, 3], { device })
    const before = await model.features(x, { outIndices: [1] })[0].data()
    expect(model.pruneIntermediateLayers([1])).toEqual([1])
    expect(model.layers.length).toBe(2)
    expect(await model.features(x, { outIndices: [1] })[0].data()).toEqual(before)
    expect(model.numClasses).toBe(0)
  })
})

test('weights behind the prefixes of wrappers load', async () => {
  using model = fresh()
  using other = fresh()
  await other.loadStateDict([...model.stateDict()].map(([name, t]) => [`module.${name}`, t]))
  expect(await other.head!.weight.data()).toEqual(await model.head!.weight.data())
})

test('a class token in the middle stays in the middle when its table is resized', async () => {
  const rows = [0, 0, 9, 0, 0]
  using table = tensor(Float32Array.from(rows), { device, shape: [1, 5, 1] })
  using resized = resizePosEmbed(table, { from: [2, 2], to: [3, 3], classToken: 'middle' })
  expect([...(await resized.data())]).toEqual([0, 0, 0, 0, 9, 0, 0, 0, 0, 0])
  using row = slice(resized, 1, 4, 5)
  expect([...(await row.data())]).toEqual([9])
})

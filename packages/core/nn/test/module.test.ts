import {
  add,
  Generator,
  matmul,
  RandomStreams,
  ReferenceBackend,
  scope,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  activation,
  Conv2d,
  closest,
  Dropout,
  DropPath,
  editDistance,
  Identity,
  LayerNorm,
  LayerScale,
  Linear,
  Module,
  type ModuleOptions,
  parameter,
  parameterKey,
} from '../src/index.js'

const device = new ReferenceBackend()

/** Parameters, a buffer, a child, an array and nested arrays of children, and fields that are none of these. */
class Everything extends Module {
  readonly label = 'not part of the state'
  readonly sizes = [1, 2]
  readonly firstLayer: Linear
  A_log: Tensor
  runningMean: Tensor
  readonly blockList: Module[]
  readonly grid: Module[][]
  readonly optional: Linear | undefined
  constructor(options: ModuleOptions) {
    super()
    this.firstLayer = new Linear(2, 3, options)
    this.A_log = parameter([4], options)
    this.runningMean = parameter([4], options)
    this.blockList = [new LayerScale(2, options), new Identity(), new LayerNorm(2, options)]
    this.grid = [[new Linear(1, 1, { ...options, bias: false })], [new Linear(1, 2, options)]]
  }
  protected override get bufferNames(): readonly string[] {
    return ['runningMean']
  }
}

describe('Module', () => {
  test('names are the paths of properties in the spelling of PyTorch; own tensors and buffers come before children', () => {
    const model = new Everything({ device })
    expect([...model.stateDict().keys()]).toEqual([
      'A_log',
      'running_mean',
      'first_layer.weight',
      'first_layer.bias',
      'block_list.0.gamma',
      'block_list.2.weight',
      'block_list.2.bias',
      'grid.0.0.weight',
      'grid.1.0.weight',
      'grid.1.0.bias',
    ])
    expect(model.namedParameters().map(([name]) => name)).not.toContain('running_mean')
    expect(model.parameterCount()).toBe(4 + 9 + 2 + 4 + 1 + 4)
    expect(model.modules().length).toBe(7)
  })
  test.each([
    ['preLogits', 'pre_logits'],
    ['A_log', 'A_log'],
    ['fc1', 'fc1'],
    ['conv1Bias', 'conv1_bias'],
    ['D', 'D'],
  ])('%s is spelled %s', (property, key) => expect(parameterKey(property)).toBe(key))
  test('train and eval reach every module', () => {
    const model = new Everything({ device })
    expect(model.modules().every((m) => m.training)).toBe(true)
    model.eval()
    expect(model.modules().some((m) => m.training)).toBe(false)
    model.train()
    expect(model.modules().every((m) => m.training)).toBe(true)
  })
  test('a shared tensor is one parameter under two names', () => {
    class Tied extends Module {
      readonly a = new Linear(2, 2, { device, bias: false })
      readonly b = new Linear(2, 2, { device, bias: false })
    }
    const model = new Tied()
    model.b.weight.dispose()
    model.b.weight = model.a.weight
    expect(model.parameters().length).toBe(1)
    expect([...model.stateDict().keys()]).toEqual(['a.weight', 'b.weight'])
  })
  test('dispose frees everything, also twice, and parameters survive a scope they were made in', () => {
    const own = new ReferenceBackend()
    const model = scope(() => ({ it: new Everything({ device: own }) })).it
    expect(model.parameters().some((t) => t.disposed)).toBe(false)
    expect(own.memory().buffers).toBe(10)
    model.dispose()
    model.dispose()
    expect(own.memory().buffers).toBe(0)
  })
  test('prints as a tree; equal neighbours once', () => {
    class Net extends Module {
      readonly blocks = Array.from({ length: 3 }, () => new Linear(2, 3, { device }))
      readonly norm = new LayerNorm(3, { device, eps: 1e-6 })
    }
    expect(String(new Net())).toBe(
      [
        'Net  33 parameters',
        '  blocks.0 … blocks.2: Linear(2 → 3)  weight [3, 2], bias [3]',
        '  norm: LayerNorm(3, eps 1e-6)  weight [3], bias [3]',
      ].join('\n'),
    )
  })
})

describe('layers', () => {
  const options = { device, generator: new Generator(11) }
  test('Linear is x · weightᵀ + bias, initialised within 1/√in', async () => {
    const layer = new Linear(16, 8, options)
    const x = tensor(
      Array.from({ length: 48 }, (_, i) => Math.sin(i)),
      { device, shape: [3, 16] },
    )
    expect(await layer.forward(x).data()).toEqual(await add(matmul(x, transpose(layer.weight)), layer.bias!).data())
    const values = (await layer.weight.data()) as Float32Array
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.25)
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.2)
    expect(() => layer.forward(zeros([3, 8], { device }))).toThrow(/Linear\(16 → 8\) needs a last axis of 16/)
  })
  test('Conv2d: groups, and what is wrong is told', () => {
    const layer = new Conv2d(4, 8, 3, { groups: 2, padding: 1, ...options })
    expect(layer.weight.shape).toEqual([8, 2, 3, 3])
    expect(layer.forward(zeros([1, 5, 6, 4], { device })).shape).toEqual([1, 5, 6, 8])
    expect(() => layer.forward(zeros([1, 4, 5, 6], { device }))).toThrow(/permute\(x, \[0, 2, 3, 1\]\)/)
    expect(() => layer.forward(zeros([1, 5, 6, 4], { device, dtype: 'u8' }))).toThrow(/f32 weights/)
    expect(() => new Conv2d(4, 6, 3, { groups: 4, device })).toThrow(/4 groups must divide/)
  })
  test('an unknown activation lists those there are', () => {
    expect(() => activation('mish' as 'gelu')).toThrow(/gelu, silu, relu/)
  })
  test('Identity and switched-off dropout give a handle of their own', () => {
    const x = zeros([2], { device })
    for (const layer of [new Identity(), new Dropout(0), new Dropout(0.5).eval(), new DropPath(0.5).eval()]) {
      layer.forward(x).dispose()
      expect(x.disposed).toBe(false)
    }
  })
})

describe('dropping', () => {
  const ones = tensor(new Float32Array(4000 * 3).fill(1), { shape: [4000, 3, 1], device })
  const streams = () => new RandomStreams(new Generator(5).key(device))

  test('DropPath drops whole samples, scales the others, and keeps the mean', async () => {
    const p = 0.3
    const values = (await new DropPath(p).forward(ones, streams()).data()) as Float32Array
    const kept = Math.fround(1 / (1 - p))
    let survivors = 0
    for (let n = 0; n < 4000; n++) {
      const sample = new Set(values.subarray(3 * n, 3 * n + 3))
      expect(sample.size).toBe(1)
      const [value] = sample
      expect([0, kept]).toContain(value)
      if (value > 0) survivors++
    }
    // Four standard deviations of a binomial with n = 4000.
    expect(Math.abs(survivors / 4000 - (1 - p))).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 4000))
  })
  test('Dropout drops single elements', async () => {
    const values = (await new Dropout(0.5).forward(ones, streams()).data()) as Float32Array
    expect(new Set(values)).toEqual(new Set([0, 2]))
    expect(Math.abs(values.reduce((a, b) => a + b) / values.length - 1)).toBeLessThan(4 / Math.sqrt(values.length))
  })
  test('p = 1 gives zeros, p outside 0 … 1 is refused', async () => {
    expect(new Set((await new DropPath(1).forward(ones, streams()).data()) as Float32Array)).toEqual(new Set([0]))
    expect(() => new Dropout(1.5)).toThrow(/from 0 to 1/)
    expect(() => new DropPath(Number.NaN)).toThrow(/from 0 to 1/)
  })
  test('two layers of one pass drop different samples, the same key the same ones', async () => {
    const random = streams()
    const layer = new DropPath(0.5)
    const first = await layer.forward(ones, random).data()
    expect(await layer.forward(ones, random).data()).not.toEqual(first)
    expect(await layer.forward(ones, streams()).data()).toEqual(first)
  })
})

describe('near names', () => {
  test('edit distance is a metric', () => {
    const text = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(editDistance(a, a)).toBe(0)
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c))
        expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
      }),
    )
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })
  test('the closest come first, and nothing far off', () => {
    expect(closest('fc1.wieght', ['fc2.weight', 'norm.bias', 'fc1.weight'])).toEqual(['fc1.weight', 'fc2.weight'])
    expect(closest('stem', ['head', 'blocks.0.fc'])).toEqual([])
  })
})

import { readFileSync } from 'node:fs'
import { Attention, MambaVisionBlock, MambaVisionMixer } from '@scanline/mambavision-mixer'
import { captureBuffers, type Module } from '@scanline/nn'
import { crossEntropy, permute, ReferenceBackend, type Shape, scope, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { CountingBackend, input, state } from '@scanline/testing'
import { describe, expect, test } from 'vitest'
import {
  ConvBlock,
  Downsample,
  MambaVision,
  MambaVisionBackbone,
  type MambaVisionConfig,
  PatchEmbed,
  TokenLevel,
  variants,
} from '../src/index.js'

type State = [string, number[]][]
interface Values {
  readonly shape: number[]
  readonly data?: number[]
  readonly samples?: number[]
  readonly step?: number
}
interface BlockCase {
  block: string
  class: string
  args: Record<string, never>
  salt: string
  layout: 'NLC' | 'NCHW'
  train: boolean
  state: State
  input: { shape: number[]; scale: number }
  output: Values
  buffers_after?: [string, number[], number[]][]
}
interface ModelCase {
  args: Record<string, never>
  salt: string
  input: { shape: number[] }
  params: number
  state: State
  stages: Record<string, Values>
  logits: Values
}
interface GradCase extends Omit<ModelCase, 'stages'> {
  labels: number[]
  loss: number
  grads: [string, number, number[]][]
  grads_analytically_zero: string[]
  buffers_after: [string, number, number[]][]
  input_grad: Values
}

const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const
/** Reference values have nine digits. */
const bound = 1e-7

const numbers = async (t: Tensor): Promise<number[]> => Array.from((await t.data()) as Float64Array, Number)
const l2 = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
const distance = (actual: readonly number[], expected: readonly number[]): number =>
  l2(actual.map((v, i) => v - expected[i])) / (l2(expected) || 1)
async function relativeError(actual: Tensor, expected: Values): Promise<number> {
  expect(actual.shape).toEqual(expected.shape)
  const values = await numbers(actual)
  const step = expected.data ? 1 : expected.step!
  const wanted = (expected.data ?? expected.samples)!
  return distance(
    wanted.map((_, i) => values[i * step]),
    wanted,
  )
}

const nhwc = (x: Tensor): Tensor => (x.rank === 4 ? permute(x, [0, 2, 3, 1]) : x)
const nchw = (x: Tensor): Tensor => (x.rank === 4 ? permute(x, [0, 3, 1, 2]) : x)
const shapes = (module: Module): [string, Shape][] => [...module.stateDict()].map(([k, t]) => [k, t.shape])
const listed = (entries: State): [string, Shape][] => entries.map(([name, shape]) => [name, shape])

const configOf = (a: Record<string, never>): MambaVisionConfig => ({
  dim: a['dim'],
  inDim: a['in_dim'],
  depths: a['depths'],
  windowSize: a['window_size'],
  numHeads: a['num_heads'],
  numClasses: a['num_classes'],
  dropPathRate: 0,
  layerScale: a['layer_scale'],
  layerScaleConv: a['layer_scale_conv'],
})

describe('single layers', () => {
  const mixerOf = (a: Record<string, never>) =>
    (a['transformer_blocks'] as number[]).includes(a['counter']) ? 'attention' : 'scan'
  const builders: Record<string, (a: Record<string, never>) => Module & { forward(x: Tensor): Tensor }> = {
    MambaVisionMixer: (a) => new MambaVisionMixer(a['d_model'], f64),
    Attention: (a) => new Attention(a['dim'], { numHeads: a['num_heads'], ...f64 }),
    Block: (a) =>
      new MambaVisionBlock(a['dim'], { mixer: mixerOf(a), numHeads: a['num_heads'], layerScale: a['layer_scale'], ...f64 }),
    ConvBlock: (a) => new ConvBlock(a['dim'], { layerScale: a['layer_scale'], ...f64 }),
    Downsample: (a) => new Downsample(a['dim'], f64),
    PatchEmbed: (a) => new PatchEmbed(a['in_chans'], a['in_dim'], a['dim'], f64),
    MambaVisionLayer: (a) =>
      new TokenLevel(a['dim'], a['downsample'] ?? true, {
        windowSize: a['window_size'],
        numHeads: a['num_heads'],
        attention: a['transformer_blocks'],
        dropPaths: [0, 0, 0],
        ...f64,
      }),
  }
  test.each(load<{ blocks: BlockCase[] }>('blocks').blocks.map((c) => [c.block, c] as const))('%s', async (_, c) => {
    using module = builders[c.class](c.args)
    expect(shapes(module)).toEqual(listed(c.state))
    await module.loadStateDict(state(c.salt, c.state))
    module.train(c.train)
    const x = nhwc(input(c.salt, c.input.shape, { ...f64, scale: c.input.scale }))
    expect(await relativeError(nchw(module.forward(x)), c.output)).toBeLessThan(bound)
    for (const [name, , expected] of c.buffers_after ?? [])
      expect(distance(await numbers(module.stateDict().get(name)!), expected), name).toBeLessThan(bound)
  })
})

test.each(Object.entries(load<Record<string, { model: string; args: Record<string, never>; state: State }>>('states')))(
  '%s: names, shapes and order of the published checkpoint',
  (_, { model, args, state: entries }) => {
    const counting = { device: new CountingBackend() }
    const built =
      model === 'MM_mamba_vision'
        ? new MambaVisionBackbone(configOf(args), counting)
        : new MambaVision(variants[model as keyof typeof variants], counting)
    expect(shapes(built)).toEqual(listed(entries))
  },
)

test('stages, features and logits, with padded windows and layer scale everywhere', async () => {
  const c = load<ModelCase>('micro_ls_50x70')
  const model = new MambaVision(configOf(c.args), f64).eval()
  expect(shapes(model)).toEqual(listed(c.state))
  expect(model.parameterCount()).toBe(c.params)
  await model.loadStateDict(state(c.salt, c.state))
  const x = nhwc(input(c.salt, c.input.shape, f64))
  const { final, intermediates } = model.forwardIntermediates(x)
  for (const i of [0, 1, 2, 3]) expect(await relativeError(nchw(intermediates[i]), c.stages[`stage${i}`])).toBeLessThan(bound)
  for (const i of [0, 1, 2])
    expect(
      await relativeError(
        nchw(
          model.levels[i].forward(
            i === 0 ? model.patchEmbed.forward(x) : model.levels[i - 1].downsample!.forward(intermediates[i - 1]),
          ),
        ),
        c.stages[`down${i + 1}`],
      ),
    ).toBeLessThan(bound)
  expect(await relativeError(nchw(model.norm.forward(final)), c.stages['norm'])).toBeLessThan(bound)
  expect(await relativeError(model.forwardHead(final, { preLogits: true }), c.stages['features'])).toBeLessThan(bound)
  expect(await relativeError(model.forward(x), c.logits)).toBeLessThan(bound)
})

test('a training step: loss, gradients, running statistics, and all memory back', async () => {
  const c = load<GradCase>('grad_micro_48x80')
  const own = new ReferenceBackend()
  const on = { device: own, dtype: 'f64' } as const
  const model = new MambaVision(configOf(c.args), on).train()
  await model.loadStateDict(state(c.salt, c.state))
  const x = input(c.salt, c.input.shape, on)
  const labels = tensor(c.labels, { device: own, dtype: 'i32' })
  const parameters = new Map(model.namedParameters())
  const before = own.memory()
  const { result, buffers } = scope(() =>
    captureBuffers(model, () =>
      valueAndGrad(() => scope(() => crossEntropy(model.forward(nhwc(x)), labels)), [...parameters.values(), x]),
    ),
  )
  const { value, grads } = result
  expect(await value.item()).toBeCloseTo(c.loss, 9)
  const inputGrad = grads.pop()!
  expect(await relativeError(inputGrad, c.input_grad)).toBeLessThan(bound)
  const names = [...parameters.keys()]
  expect(names.filter((n) => !c.grads_analytically_zero.includes(n))).toEqual(
    c.grads.map(([name]) => name).filter((n) => !c.grads_analytically_zero.includes(n)),
  )
  for (const [name, norm, first] of c.grads) {
    const values = await numbers(grads[names.indexOf(name)])
    if (c.grads_analytically_zero.includes(name)) {
      expect(l2(values), name).toBeLessThan(1e-12)
      continue
    }
    expect(l2(values) / norm, name).toBeCloseTo(1, 7)
    for (const [k, v] of first.entries()) expect(Math.abs(values[k] - v) / norm, `${name}[${k}]`).toBeLessThan(bound)
  }
  expect(Object.keys(buffers).sort()).toEqual(c.buffers_after.map(([name]) => name).sort())
  for (const [name, norm, first] of c.buffers_after) {
    const values = await numbers(buffers[name])
    expect(Math.abs(l2(values) - norm) / norm, name).toBeLessThan(bound)
    for (const [k, v] of first.entries()) expect(Math.abs(values[k] - v) / norm, `${name}[${k}]`).toBeLessThan(bound)
  }
  for (const t of [value, inputGrad, ...grads, ...Object.values(buffers)]) t.dispose()
  expect(own.memory()).toEqual(before)
  for (const t of [x, labels]) t.dispose()
  model.dispose()
  expect(own.memory().bytes).toBe(0)
})

import { readFileSync } from 'node:fs'
import { GatedCnnBlock } from '@scanline/gated-cnn'
import type { ActivationName, Module } from '@scanline/nn'
import { crossEntropy, permute, ReferenceBackend, type Shape, scope, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { input, state } from '@scanline/testing'
import { describe, expect, test } from 'vitest'
import {
  ClNormMlpClassifierHead,
  Downsample,
  DownsampleNormFirst,
  keyLayout,
  MambaOut,
  type MambaOutConfig,
  MlpHead,
  OfficialMlpHead,
  Stem,
  variants,
} from '../src/index.js'

type State = [string, number[], string][]
interface Values {
  readonly shape: number[]
  readonly data?: number[]
  readonly samples?: number[]
  readonly step?: number
  readonly l2?: number
}
interface BlockCase {
  block: string
  class: string
  args: Record<string, number | boolean | string>
  source: string
  salt: string
  state: State
  input: { shape: number[]; scale: number }
  output: Values
}
interface ModelCase {
  model: string
  args: Record<string, unknown>
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
  input_grad: Values
}

const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const
/** Reference values have nine digits. */
const bound = 1e-7

async function relativeError(actual: Tensor, expected: Values): Promise<number> {
  expect(actual.shape).toEqual(expected.shape)
  const values = (await actual.data()) as Float64Array
  const step = expected.data ? 1 : expected.step!
  return distance(
    (expected.data ?? expected.samples!).map((_, i) => values[i * step]),
    expected.data ?? expected.samples!,
  )
}
function distance(actual: readonly number[], expected: readonly number[]): number {
  const l2 = (values: readonly number[]) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
  return l2(actual.map((v, i) => v - expected[i])) / l2(expected)
}

const nhwc = (x: Tensor): Tensor => permute(x, [0, 2, 3, 1])
const shapes = (module: Module, layout?: 'official' | 'timm'): [string, Shape][] =>
  [...(module instanceof MambaOut && layout ? module.stateDict({ layout }) : module.stateDict())].map(([k, t]) => [k, t.shape])

function configOf({ model, args }: Pick<ModelCase, 'model' | 'args'>): MambaOutConfig {
  const named = { num_classes: 'numClasses', conv_ratio: 'convRatio', kernel_size: 'kernelSize', depths: 'depths', dims: 'dims' }
  const given = Object.entries(args).map(([k, v]) => [named[k as keyof typeof named], v])
  return { ...(variants as Record<string, MambaOutConfig>)[model], ...(Object.fromEntries(given) as MambaOutConfig) }
}

describe('single layers', () => {
  const act = (name: unknown): { act: ActivationName } => ({ act: name === 'SiLU' ? 'silu' : 'gelu' })
  const builders: Record<string, (a: Record<string, never>) => Module & { forward(x: Tensor): Tensor }> = {
    GatedCNNBlock: (a) => new GatedCnnBlock(a['dim'], { convRatio: a['conv_ratio'] ?? 1, ...f64 }),
    GatedConvBlock: (a) =>
      new GatedCnnBlock(a['dim'], {
        expansionRatio: a['expansion_ratio'],
        convRatio: a['conv_ratio'],
        lsInit: a['ls_init_value'],
        ...act(a['act_layer']),
        ...f64,
      }),
    StemLayer: (a) => new Stem(a['in_channels'], a['out_channels'], f64),
    Stem: (a) => new Stem(a['in_chs'], a['out_chs'], { midNorm: a['mid_norm'], ...act(a['act_layer']), ...f64 }),
    DownsampleLayer: (a) => new Downsample(a['in_channels'], a['out_channels'], f64),
    DownsampleNormFirst: (a) => new DownsampleNormFirst(a['in_chs'], a['out_chs'], f64),
    MlpHead: (a) =>
      a['dim'] ? new OfficialMlpHead(a['dim'], a['num_classes'], f64) : new MlpHead(a['in_features'], a['num_classes'], f64),
    ClNormMlpClassifierHead: (a) =>
      new ClNormMlpClassifierHead(a['in_features'], a['num_classes'], { hiddenSize: a['hidden_size'], ...f64 }),
  }
  test.each(load<{ blocks: BlockCase[] }>('blocks').blocks.map((c) => [`${c.block} (${c.source})`, c] as const))(
    '%s',
    async (_, c) => {
      using module = builders[c.class](c.args as Record<string, never>)
      module.eval()
      expect(shapes(module)).toEqual(c.state.map(([name, shape]) => [name, shape]))
      await module.loadStateDict(state(c.salt, c.state))
      const x = input(c.salt, c.input.shape, { scale: c.input.scale, ...f64 })
      const y = module.forward(c.class.startsWith('Stem') ? nhwc(x) : x)
      expect(await relativeError(y, c.output)).toBeLessThan(bound)
    },
  )
})

describe('whole models', () => {
  test.each(['micro_50x70', 'test_mambaout_160'])('%s', async (file) => {
    const c = load<ModelCase>(file)
    using model = new MambaOut(configOf(c), f64).eval()
    const layout = keyLayout(c.state.map(([name]) => name))
    expect(shapes(model, layout)).toEqual(c.state.map(([name, shape]) => [name, shape]))
    expect(model.parameterCount()).toBe(c.params)
    await model.loadStateDict(state(c.salt, c.state))

    const x = nhwc(input(c.salt, c.input.shape, f64))
    const results: Record<string, Tensor> = { stem: model.stem.forward(x) }
    let y = results['stem']
    for (const [i, stage] of model.stages.entries()) {
      if (stage.downsample) results[`down${i}`] = stage.downsample.forward(y)
      results[`stage${i}`] = y = stage.forward(y)
    }
    results['features'] = model.head.norm.forward(model.head.pool(y))
    results['head_hidden'] = model.forwardHead(y, { preLogits: true })
    expect(Object.keys(results).sort()).toEqual(Object.keys(c.stages).sort())
    for (const [name, expected] of Object.entries(c.stages))
      expect(await relativeError(results[name], expected), name).toBeLessThan(bound)
    expect(await relativeError(model.forward(x), c.logits)).toBeLessThan(bound)
    const pyramid = model.features(x, { outIndices: [1, -1] })
    expect(await relativeError(pyramid[0], c.stages['stage1'])).toBeLessThan(bound)
    expect(await relativeError(pyramid[1], c.stages['stage3'])).toBeLessThan(bound)
  })
})

test('loss, gradients of every parameter and of the input, and all memory freed', async () => {
  const c = load<GradCase>('grad_micro_40x56')
  const own = new ReferenceBackend()
  const on = { device: own, dtype: 'f64' } as const
  const model = new MambaOut(configOf(c), on).train()
  await model.loadStateDict(state(c.salt, c.state))
  const x = input(c.salt, c.input.shape, on)
  const labels = tensor(c.labels, { device: own, dtype: 'i32' })
  const parameters = model.stateDict({ layout: 'official' })
  const before = own.memory()
  const { value, grads } = scope(() =>
    valueAndGrad(() => crossEntropy(model.forward(nhwc(x)), labels), [...parameters.values(), x]),
  )
  expect(await value.item()).toBeCloseTo(c.loss, 9)
  const inputGrad = grads.pop()!
  expect(await relativeError(inputGrad, c.input_grad)).toBeLessThan(bound)
  expect([...parameters.keys()]).toEqual(c.grads.map(([name]) => name))
  for (const [i, [name, l2, first]] of c.grads.entries()) {
    const values = (await grads[i].data()) as Float64Array
    expect(Math.sqrt(values.reduce((sum, v) => sum + v * v, 0)) / l2, name).toBeCloseTo(1, 7)
    // Relative to the whole gradient: outer taps see only padding, and theirs is exactly 0.
    for (const [k, v] of first.entries()) expect(Math.abs(values[k] - v) / l2, `${name}[${k}]`).toBeLessThan(bound)
  }
  for (const t of [value, inputGrad, ...grads]) t.dispose()
  expect(own.memory()).toEqual(before)
  for (const t of [x, labels]) t.dispose()
  model.dispose()
  expect(own.memory().bytes).toBe(0)
})

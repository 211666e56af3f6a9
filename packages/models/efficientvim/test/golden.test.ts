import { readFileSync } from 'node:fs'
import { captureBuffers, type Module } from '@scanline/nn'
import {
  crossEntropy,
  permute,
  ReferenceBackend,
  type Shape,
  scope,
  type Tensor,
  tensor,
  transpose,
  valueAndGrad,
} from '@scanline/tensor'
import { input, state } from '@scanline/testing'
import { expect, test } from 'vitest'
import { EfficientViM, EfficientViMBackbone, EfficientViMFpn } from '../src/index.js'

type State = [string, number[], string][]
interface Values {
  readonly shape: number[]
  readonly data?: number[]
  readonly samples?: number[]
  readonly step?: number
  readonly l2?: number
}
interface Args {
  embed_dim: number[]
  depths: number[]
  state_dim: number[]
  num_classes?: number
  distillation?: boolean
}
interface ModelCase {
  args: Args
  salt: string
  input: { shape: number[] }
  params: number
  state: State
  logits: Values
}
interface Row {
  l2: number
  first: number[]
}
interface GradCase extends ModelCase {
  labels: number[]
  loss: number
  grad_input: Values
  grads: Record<string, Row>
  zero_grads: string[]
  buffers_after: Record<string, Row>
}
interface NeckCase {
  name: string
  args: Args & { out_channels: number; num_outs: number; num_extra_trans_convs: number; add_extra_convs: 'on_input' | false }
  state: State
  inputs: { input: number[] }
  outputs: Record<string, Values>
}

const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const
/** Reference values have nine digits. */
const bound = 1e-7

const config = ({ embed_dim, depths, state_dim, num_classes, distillation }: Args) => ({
  embedDim: embed_dim,
  depths,
  stateDim: state_dim,
  ...(num_classes !== undefined && { numClasses: num_classes }),
  ...(distillation !== undefined && { distillation }),
})

const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((s, v) => s + v * v, 0))

/** Relative to the whole tensor, from all of its values or from samples and its norm. */
async function relativeError(actual: Tensor, expected: Values): Promise<number> {
  expect(actual.shape).toEqual(expected.shape)
  const values = (await actual.data()) as Float64Array
  const { data, samples, step = 1, l2 } = expected
  const wanted = data ?? samples!
  const difference = norm(wanted.map((v, i) => values[data ? i : i * step] - v))
  return data
    ? difference / norm(data)
    : Math.max(difference / (l2! * Math.sqrt(wanted.length / values.length)), Math.abs(norm(values) - l2!) / l2!)
}

const nhwc = (x: Tensor): Tensor => permute(x, [0, 2, 3, 1])
const nchw = (x: Tensor): Tensor => permute(x, [0, 3, 1, 2])

async function filled(c: ModelCase): Promise<EfficientViM> {
  const model = new EfficientViM(config(c.args), f64)
  expect(model.parameterCount()).toBe(c.params)
  await fill(model, c.salt, c.state)
  return model
}
async function fill(model: Module, salt: string, entries: State): Promise<void> {
  expect([...model.stateDict()].map(([name, t]) => [name, t.shape])).toEqual(entries.map(([name, shape]) => [name, shape]))
  await model.loadStateDict(state(salt, entries as [string, Shape, string][]))
}

test('features and logits of an image that is no square', async () => {
  const c = load<ModelCase & { features: Record<string, Values> }>('rect')
  using model = await filled(c)
  model.eval()
  const x = nhwc(input(c.salt, c.input.shape, f64))
  expect(await relativeError(model.forward(x), c.logits)).toBeLessThan(bound)
  const stem = model.patchEmbed.forward(x)
  expect(await relativeError(nchw(stem), c.features['patch_embed'])).toBeLessThan(bound)
  const { hidden } = model.stages[0].blocks[0].forward(stem)
  expect(await relativeError(transpose(hidden), c.features['stages.0.blocks.0.hidden'])).toBeLessThan(bound)
  const [map] = model.features(x, { outIndices: [1] })
  expect(await relativeError(nchw(map), c.features['stages.1.blocks.1.map'])).toBeLessThan(bound)
})

test('a distilled model: the mean of both classifiers in evaluation, both in training', async () => {
  const c = load<ModelCase & { train_logits: Values; train_logits_dist: Values }>('distilled')
  using model = await filled(c)
  const x = nhwc(input(c.salt, c.input.shape, f64))
  expect(await relativeError(model.eval().forward(x), c.logits)).toBeLessThan(bound)
  const { logits, distilled } = model.train().forwardDistilled(x)
  expect(await relativeError(logits, c.train_logits)).toBeLessThan(bound)
  expect(await relativeError(distilled, c.train_logits_dist)).toBeLessThan(bound)
})

test('a training step: loss, gradients and running statistics; nothing leaks', async () => {
  const c = load<GradCase>('grad_192')
  const own = new ReferenceBackend()
  const on = { device: own, dtype: 'f64' } as const
  const model = new EfficientViM(config(c.args), on)
  await fill(model, c.salt, c.state)
  const x = input(c.salt, c.input.shape, on)
  const labels = tensor(c.labels, { device: own, dtype: 'i32' })
  const before = own.memory()
  const { result, buffers } = scope(() =>
    captureBuffers(model, () => valueAndGrad(() => crossEntropy(model.forward(nhwc(x)), labels), [...model.parameters(), x])),
  )
  const { value, grads } = result
  expect(await value.item()).toBeCloseTo(c.loss, 9)
  const gradInput = grads.pop()!
  expect(await relativeError(gradInput, c.grad_input)).toBeLessThan(bound)
  const total = norm(Object.values(c.grads).map(({ l2 }) => l2))
  const close = async (name: string, t: Tensor, { l2, first }: Row): Promise<void> => {
    const values = (await t.data()) as Float64Array
    expect(norm(values) / l2, name).toBeCloseTo(1, 6)
    for (const [k, v] of first.entries()) expect(Math.abs(values[k] - v) / l2, `${name}[${k}]`).toBeLessThan(bound)
  }
  for (const [i, [name]] of model.namedParameters().entries()) {
    if (c.zero_grads.includes(name)) expect(norm((await grads[i].data()) as Float64Array) / total, name).toBeLessThan(1e-12)
    else await close(name, grads[i], c.grads[name])
  }
  for (const [name, row] of Object.entries(c.buffers_after)) await close(name, buffers[name], row)
  for (const t of [value, gradInput, ...grads, ...Object.values(buffers)]) t.dispose()
  expect(own.memory()).toEqual(before)

  // The same step without a capture stores them.
  model.forward(nhwc(x)).dispose()
  for (const [name, row] of Object.entries(c.buffers_after)) await close(name, model.stateDict().get(name)!, row)
  for (const t of [x, labels]) t.dispose()
  model.dispose()
})

test.each(load<NeckCase[]>('neck'))(
  '$name: levels of backbone and pyramid',
  async ({ args, state: entries, inputs, outputs }) => {
    using backbone = new EfficientViMBackbone(config(args), f64)
    using neck = new EfficientViMFpn(args.embed_dim, {
      ...f64,
      outChannels: args.out_channels,
      numOuts: args.num_outs,
      extraTransConvs: args.num_extra_trans_convs,
      extraConvs: args.add_extra_convs,
      preNorm: true,
    })
    // The prefix is part of what a value is filled from.
    const values = state('g1', entries as [string, Shape, string][])
    for (const [prefix, module] of [
      ['backbone.', backbone],
      ['neck.', neck],
    ] as const)
      await module.loadStateDict(
        [...values].flatMap(([name, v]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), v] as const] : [])),
      )
    // In training mode: batch norms of backbones keep to the running statistics.
    const levels = neck.forward(backbone.train().forward(nhwc(input('g1', inputs.input, f64))))
    expect(levels.length).toBe(Object.keys(outputs).length)
    for (const [i, level] of levels.entries())
      expect(await relativeError(nchw(level), outputs[`level${i}`]), `level ${i}`).toBeLessThan(bound)
  },
)

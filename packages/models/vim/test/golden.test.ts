import { readFileSync } from 'node:fs'
import { permute, ReferenceBackend, type Shape, scope, type Tensor, tensor } from '@scanline/tensor'
import { fillTensor, input, state } from '@scanline/testing'
import { describe, expect, test } from 'vitest'
import { resizePosEmbed, Vim, type VimConfig } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const

interface Values {
  readonly shape: number[]
  readonly data?: number[]
  /** Every `step`th value where they are many. */
  readonly samples?: number[]
  readonly step?: number
}
interface Variant {
  readonly name: string
  readonly args: Record<string, unknown>
  readonly params: number
  readonly state: [string, number[], string][]
  readonly kept?: unknown[]
  readonly input: { readonly shape: number[] }
  readonly features: Values
  readonly logits: Values
}
interface Resize {
  readonly name: string
  readonly extra_tokens: number
  readonly from: [number, number]
  readonly to: [number, number]
  readonly input: { readonly shape: Shape }
  readonly output: Values
}

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8')) as T

async function expectClose(actual: Tensor, { shape, data, samples = [], step = 1 }: Values): Promise<void> {
  expect(actual.shape).toEqual(shape)
  const values = await actual.data()
  let [difference, size] = [0, 0]
  for (const [i, v] of (data ?? samples).entries()) {
    difference += (Number(values[i * step]) - v) ** 2
    size += v ** 2
  }
  expect(Math.sqrt(difference / size)).toBeLessThan(1e-7)
}

/** What the flags of the reference files mean here. */
function configOf(args: Record<string, unknown>): VimConfig {
  const flag = (name: string, otherwise = false): boolean => (args[name] as boolean | undefined) ?? otherwise
  const given = <K extends keyof VimConfig>(key: K, name: string) =>
    name in args ? ({ [key]: args[name] } as unknown as VimConfig) : {}
  const double = flag('use_double_cls_token') ? 'double' : flag('use_middle_cls_token', true) ? 'middle' : 'front'
  return {
    ...given('imgSize', 'img_size'),
    ...given('patchSize', 'patch_size'),
    ...given('stride', 'stride'),
    ...given('depth', 'depth'),
    ...given('embedDim', 'embed_dim'),
    ...given('stateDim', 'd_state'),
    ...given('inChans', 'channels'),
    ...given('numClasses', 'num_classes'),
    ...given('rmsNorm', 'rms_norm'),
    ...given('absPosEmbed', 'if_abs_pos_embed'),
    ...given('rope', 'if_rope'),
    ...given('ropeResidual', 'if_rope_residual'),
    ...given('divideOut', 'if_divide_out'),
    ...given('layerScale', 'init_layer_scale'),
    ...given('layerPairs', 'if_bidirectional'),
    ...given('flipRatio', 'flip_img_sequences_ratio'),
    ...given('mixer', 'bimamba_type'),
    ...(flag('if_bimamba') && { mixer: 'v1' as const }),
    classToken: flag('if_cls_token', true) ? double : 'none',
    finalPool: args['final_pool_type'] === 'none' ? 'last' : (args['final_pool_type'] as 'mean' | 'max' | 'all'),
  }
}

describe('published values', () => {
  const { salt, variants } = read<{ salt: string; variants: Variant[] }>('variants.json')
  test.each(variants.map((variant) => [variant.name, variant] as const))('%s', async (_, variant) => {
    using model = new Vim(configOf(variant.args), f64).eval()
    expect([...model.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual(variant.state.map((row) => row.slice(0, 2)))
    expect(model.parameterCount()).toBe(variant.params)
    const entries = variant.state.filter(([name]) => !name.startsWith('rope.'))
    const report = await model.loadStateDict(state(salt, entries), { strict: false })
    expect(report.unexpected).toEqual([])
    using x = input(salt, variant.input.shape, f64)
    const { features, logits } = scope(() => {
      const tokens = model.forwardFeatures(permute(x, [0, 2, 3, 1]))
      return { features: model.forwardHead(tokens, { preLogits: true }), logits: model.forwardHead(tokens) }
    })
    await expectClose(features, variant.features)
    await expectClose(logits, variant.logits)
  })
})

describe('position tables are resized as published', () => {
  const { salt, cases } = read<{ salt: string; cases: Resize[] }>('pos_embed.json')
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (_, { from, to, extra_tokens, input, output }) => {
    using table = tensor(fillTensor('pos_embed', input.shape, salt), { ...f64, shape: input.shape })
    using resized = resizePosEmbed(table, { from, to, extraTokens: extra_tokens })
    await expectClose(resized, output)
  })
})

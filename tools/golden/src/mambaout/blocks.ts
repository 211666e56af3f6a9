import { GatedCnnBlock } from '@scanline/gated-cnn'
import {
  ClNormMlpClassifierHead,
  Downsample,
  DownsampleNormFirst,
  type GlobalPool,
  MambaOutStage,
  MlpHead,
  OfficialMlpHead,
  Stem,
} from '@scanline/mambaout'
import type { ActivationName, Module, ModuleOptions } from '@scanline/nn'
import type { Tensor } from '@scanline/tensor'
import { type ArgTable, readActivation, readArgs, requireLayerNorm, requireValue } from '../cases/args.js'
import type { Field } from '../field.js'
import type { Origin } from './match.js'

export type Block = Module & { forward(x: Tensor): Tensor }

/** Every argument that some block takes. */
interface BlockArgs {
  readonly dim: number
  readonly dimOut: number
  readonly depth: number
  readonly inChannels: number
  readonly outChannels: number
  readonly expansionRatio: number
  readonly convRatio: number
  readonly kernelSize: number
  readonly act: ActivationName
  readonly lsInit: number
  readonly dropPath: number
  readonly midNorm: boolean
  readonly downsample: 'conv' | 'conv_nf' | ''
  readonly numClasses: number
  readonly mlpRatio: number
  readonly hiddenSize: number
  readonly globalPool: GlobalPool
  readonly dropout: number
}

type Args = ArgTable<BlockArgs>

const common: Args = {
  act_layer: (value) => ({ act: readActivation(value) }),
  norm_layer: (value) => {
    requireLayerNorm(value, 1e-6)
    return {}
  },
}

const gated: Args = {
  ...common,
  dim: (value) => ({ dim: value.count() }),
  expansion_ratio: (value) => ({ expansionRatio: value.number() }),
  conv_ratio: (value) => ({ convRatio: value.number() }),
  kernel_size: (value) => ({ kernelSize: value.count() }),
  drop_path: (value) => ({ dropPath: value.number() }),
}
const gatedTimm: Args = { ...gated, ls_init_value: (value) => ({ lsInit: value.number() }) }

const channels = (from: string, to: string): Args => ({
  ...common,
  [from]: (value) => ({ inChannels: value.count() }),
  [to]: (value) => ({ outChannels: value.count() }),
})
const officialChannels = channels('in_channels', 'out_channels')
const timmChannels = channels('in_chs', 'out_chs')

const head: Args = {
  ...common,
  num_classes: (value) => ({ numClasses: value.count() }),
  mlp_ratio: (value) => ({ mlpRatio: value.number() }),
  bias: (value) => {
    requireValue(value, true)
    return {}
  },
}
const timmHead: Args = {
  ...head,
  in_features: (value) => ({ dim: value.count() }),
  pool_type: (value) => ({ globalPool: value.oneOf('avg', 'max', 'avgmax', '') }),
  drop_rate: (value) => ({ dropout: value.number() }),
}

interface BlockClass {
  readonly args: Args
  /** Arguments without a default. */
  readonly needs: readonly string[]
  readonly build: (args: Partial<BlockArgs>, options: ModuleOptions) => Block
}

const gatedBlock: BlockClass['build'] = ({ dim = 0, ...rest }, options) => new GatedCnnBlock(dim, { ...rest, ...options })

const stem = (args: Args): BlockClass => ({
  args,
  needs: [],
  build: ({ inChannels = 3, outChannels = 96, ...rest }, options) => new Stem(inChannels, outChannels, { ...rest, ...options }),
})

const downsample = (args: Args, Class: typeof Downsample | typeof DownsampleNormFirst): BlockClass => ({
  args,
  needs: [],
  // 198 is the default of both repositories.
  build: ({ inChannels = 96, outChannels = 198 }, options) => new Class(inChannels, outChannels, options),
})

type HeadClass = typeof MlpHead | typeof ClNormMlpClassifierHead | typeof OfficialMlpHead

const classifier = (args: Args, dim: string, Class: HeadClass): BlockClass => ({
  args,
  needs: [dim],
  build: ({ dim: width = 0, numClasses = 1000, mlpRatio = 4, hiddenSize, ...rest }, options) =>
    new Class(width, numClasses, { hiddenSize: hiddenSize ?? Math.trunc(mlpRatio * width), ...rest, ...options }),
})

const stage: BlockClass = {
  args: {
    ...gatedTimm,
    dim_out: (value) => ({ dimOut: value.count() }),
    depth: (value) => ({ depth: value.count() }),
    downsample: (value) => ({ downsample: value.oneOf('conv', 'conv_nf', '') }),
  },
  needs: ['dim'],
  build: ({ dim = 0, dimOut = dim, depth = 4, downsample = '', dropPath = 0, lsInit, ...rest }, options) =>
    new MambaOutStage(dim, dimOut, {
      expansionRatio: 8 / 3,
      convRatio: 1,
      kernelSize: 7,
      act: 'gelu',
      ...rest,
      downsample: downsample || undefined,
      lsInit,
      dropPaths: new Array<number>(depth).fill(dropPath),
      ...options,
    }),
}

/** Classes by their names in the two repositories; `MlpHead` is two different ones. */
const classes: Readonly<Record<Origin, Readonly<Record<string, BlockClass>>>> = {
  official: {
    GatedCNNBlock: { args: gated, needs: ['dim'], build: gatedBlock },
    StemLayer: stem(officialChannels),
    DownsampleLayer: downsample(officialChannels, Downsample),
    MlpHead: classifier(
      {
        ...head,
        dim: (value) => ({ dim: value.count() }),
        head_dropout: (value) => ({ dropout: value.number() }),
      },
      'dim',
      OfficialMlpHead,
    ),
  },
  timm: {
    GatedConvBlock: { args: gatedTimm, needs: ['dim'], build: gatedBlock },
    Stem: stem({ ...timmChannels, mid_norm: (value) => ({ midNorm: value.boolean() }) }),
    Downsample: downsample(timmChannels, Downsample),
    DownsampleNormFirst: downsample(timmChannels, DownsampleNormFirst),
    MlpHead: classifier(timmHead, 'in_features', MlpHead),
    ClNormMlpClassifierHead: classifier(
      { ...timmHead, hidden_size: (value) => ({ hiddenSize: value.count() }) },
      'in_features',
      ClNormMlpClassifierHead,
    ),
    MambaOutStage: stage,
  },
}

/** Builds the layer that a case's `class` and `args` mean. Throws `FormatError`, `NotSupportedError`. */
export function buildBlock(entry: Field, origin: Origin, options: ModuleOptions): Block {
  const { args, needs, build } = classes[origin][entry.at('class').oneOf(...Object.keys(classes[origin]))]
  for (const name of needs) entry.at('args').at(name)
  return build(readArgs(entry.maybe('args'), args), options)
}

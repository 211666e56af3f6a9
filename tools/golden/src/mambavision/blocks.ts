import { ConvBlock, ConvLevel, Downsample, PatchEmbed, TokenLevel } from '@scanline/mambavision'
import { Attention, MambaVisionBlock, MambaVisionMixer } from '@scanline/mambavision-mixer'
import type { Module, ModuleOptions } from '@scanline/nn'
import type { Tensor } from '@scanline/tensor'
import { type ArgTable, readArgs, requireValue } from '../cases/args.js'
import type { Field } from '../field.js'

export type Block = Module & { forward(x: Tensor): Tensor }

/** Every argument that some block takes. */
interface BlockArgs {
  readonly dim: number
  readonly stateDim: number
  readonly kernelSize: number
  readonly expand: number
  readonly dtRank: number
  readonly convBias: boolean
  readonly numHeads: number
  readonly qkvBias: boolean
  readonly qkNorm: boolean
  readonly mlpRatio: number
  readonly layerScale: number
  readonly layerScaleConv: number
  readonly attnDropout: number
  readonly dropout: number
  readonly dropPath: number
  readonly counter: number
  readonly attention: readonly number[]
  readonly depth: number
  readonly windowSize: number
  readonly downsampled: boolean
  readonly conv: boolean
  readonly inChans: number
  readonly inDim: number
}

type Args = ArgTable<BlockArgs>

const only = (expected: unknown) => (value: Field) => {
  requireValue(value, expected)
  return {}
}

const width: Args = { dim: (value) => ({ dim: value.count() }) }
const scale: Args = {
  layer_scale: (value) => ({ layerScale: value.number() }),
  drop_path: (value) => ({ dropPath: value.number() }),
}
const attention: Args = {
  ...width,
  num_heads: (value) => ({ numHeads: value.count() }),
  qkv_bias: (value) => ({ qkvBias: value.boolean() }),
  attn_drop: (value) => ({ attnDropout: value.number() }),
}
const token: Args = {
  ...attention,
  ...scale,
  mlp_ratio: (value) => ({ mlpRatio: value.number() }),
  qk_scale: (value) => ({ qkNorm: Boolean(value.value) }),
  drop: (value) => ({ dropout: value.number() }),
  transformer_blocks: (value) => ({ attention: value.shape() }),
}

interface BlockClass {
  readonly args: Args
  /** Arguments without a default. */
  readonly needs: readonly string[]
  readonly build: (args: Partial<BlockArgs>, options: ModuleOptions) => Block
}

/** Classes by their published names. */
const classes: Readonly<Record<string, BlockClass>> = {
  MambaVisionMixer: {
    args: {
      d_model: width['dim'],
      d_state: (value) => ({ stateDim: value.count() }),
      d_conv: (value) => ({ kernelSize: value.count() }),
      expand: (value) => ({ expand: value.number() }),
      dt_rank: (value) => (value.value === 'auto' ? {} : { dtRank: value.count() }),
      // Halved and rounded down by the published constructor: off, whatever is passed.
      conv_bias: () => ({}),
      bias: only(false),
    },
    needs: ['d_model', 'd_state', 'd_conv', 'expand'],
    build: ({ dim = 0, ...rest }, options) => new MambaVisionMixer(dim, { ...rest, ...options }),
  },
  Attention: {
    args: {
      ...attention,
      qk_norm: (value) => ({ qkNorm: value.boolean() }),
      proj_drop: (value) => ({ dropout: value.number() }),
    },
    needs: ['dim'],
    build: ({ dim = 0, ...rest }, options) => new Attention(dim, { ...rest, ...options }),
  },
  Block: {
    args: { ...token, counter: (value) => ({ counter: value.count() }) },
    needs: ['dim', 'num_heads', 'counter', 'transformer_blocks'],
    build: ({ dim = 0, counter = 0, attention = [], ...rest }, options) =>
      new MambaVisionBlock(dim, { ...rest, mixer: attention.includes(counter) ? 'attention' : 'scan', ...options }),
  },
  ConvBlock: {
    args: { ...width, ...scale, kernel_size: only(3) },
    needs: ['dim'],
    build: ({ dim = 0, ...rest }, options) => new ConvBlock(dim, { ...rest, ...options }),
  },
  Downsample: {
    args: { ...width, keep_dim: only(false) },
    needs: ['dim'],
    build: ({ dim = 0 }, options) => new Downsample(dim, options),
  },
  PatchEmbed: {
    args: {
      ...width,
      in_chans: (value) => ({ inChans: value.count() }),
      in_dim: (value) => ({ inDim: value.count() }),
    },
    needs: ['dim', 'in_dim'],
    build: ({ inChans = 3, inDim = 0, dim = 0 }, options) => new PatchEmbed(inChans, inDim, dim, options),
  },
  MambaVisionLayer: {
    args: {
      ...token,
      depth: (value) => ({ depth: value.count() }),
      window_size: (value) => ({ windowSize: value.count() }),
      downsample: (value) => ({ downsampled: value.boolean() }),
      conv: (value) => ({ conv: value.boolean() }),
      layer_scale_conv: (value) => ({ layerScaleConv: value.number() }),
    },
    needs: ['dim', 'depth'],
    build: ({ dim = 0, depth = 0, downsampled = true, conv = false, layerScaleConv, ...rest }, options) => {
      const { windowSize = 1, dropPath = 0, attention = [], ...token } = rest
      const dropPaths = new Array<number>(depth).fill(dropPath)
      return conv
        ? new ConvLevel(dim, downsampled, { layerScale: layerScaleConv, dropPaths, ...options })
        : new TokenLevel(dim, downsampled, { ...token, windowSize, attention, dropPaths, ...options })
    },
  },
}

/** Builds the layer that a case's `class` and `args` mean. Throws `FormatError`, `NotSupportedError`. */
export function buildBlock(entry: Field, options: ModuleOptions): Block {
  const { args, needs, build } = classes[entry.at('class').oneOf(...Object.keys(classes))]
  for (const name of needs) entry.at('args').at(name)
  return build(readArgs(entry.maybe('args'), args), options)
}

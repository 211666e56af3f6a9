import { ConvNorm, EfficientViMBlock, EfficientViMStage, FeedForward, PatchMerging, Stem } from '@scanline/efficientvim'
import { HsmSsd } from '@scanline/hsm-ssd'
import { ChannelNorm, type Module, type ModuleOptions, SqueezeExcite } from '@scanline/nn'
import { reshape, type Tensor } from '@scanline/tensor'
import { type ArgTable, readArgs } from '../cases/args.js'
import type { Field } from '../field.js'
import { stateNames } from './match.js'

/** A layer, and its outputs by the names of the reference files, channels last. */
export interface Block {
  readonly module: Module
  readonly run: (x: Tensor) => Record<string, Tensor>
}

/** Every argument that some layer takes. */
interface BlockArgs {
  readonly dim: number
  readonly outDim: number
  readonly stateDim: number
  readonly expand: number
  readonly mlpRatio: number
  readonly ratio: number
  readonly depth: number
  readonly eps: number
  readonly kernel: number
  readonly stride: number
  readonly groups: number
  readonly height: number
  readonly width: number
}

type Args = ArgTable<BlockArgs>

const count =
  (name: keyof BlockArgs) =>
  (value: Field): Partial<BlockArgs> => ({ [name]: value.count() })
const number =
  (name: keyof BlockArgs) =>
  (value: Field): Partial<BlockArgs> => ({ [name]: value.number() })

const mixing: Args = { ssd_expand: number('expand'), state_dim: count('stateDim') }

interface BlockKind {
  readonly args: Args
  /** Arguments without a default. */
  readonly needs: readonly (keyof Args & string)[]
  /** `axes` counts those of the input; `has` says whether the state dict has an entry. */
  readonly build: (
    args: Partial<BlockArgs>,
    options: ModuleOptions,
    given: { readonly axes: number; readonly has: (name: string) => boolean },
  ) => Block
}

const single = (module: Module & { forward(x: Tensor): Tensor }): Block => ({ module, run: (x) => ({ out: module.forward(x) }) })

const mixer: BlockKind = {
  args: { d_model: count('dim'), ...mixing, H: count('height'), W: count('width') },
  needs: ['d_model'],
  build: ({ dim = 0, height, width, stateDim, expand }, options) => {
    const module = new HsmSsd(dim, { ...(stateDim && { stateDim }), ...(expand && { expand }), ...options })
    return {
      module,
      run: (x) => {
        // The published classifier takes sequences for squares.
        const h = height ?? Math.floor(Math.sqrt(x.shape[1]))
        const w = width ?? x.shape[1] / h
        const { b, c, tokens, ...rest } = module.steps(x, h, w)
        return { ...rest, B: b, C: c, out: reshape(tokens, [x.shape[0], h, w, dim]) }
      },
    }
  },
}

const block: BlockKind = {
  args: { dim: count('dim'), mlp_ratio: number('mlpRatio'), ...mixing },
  needs: ['dim'],
  build: ({ dim = 0, expand = 1, ...rest }, options) => {
    const module = new EfficientViMBlock(dim, { ...rest, ssdExpand: expand, ...options })
    return {
      module,
      run: (x) => {
        const { map, hidden } = module.forward(x)
        return { out: map, hidden }
      },
    }
  },
}

const stage: BlockKind = {
  args: { in_dim: count('dim'), out_dim: count('outDim'), depth: count('depth'), mlp_ratio: number('mlpRatio'), ...mixing },
  needs: ['in_dim', 'depth'],
  build: ({ dim = 0, outDim = dim, depth = 1, stateDim = 64, mlpRatio = 4, expand = 1 }, options, { has }) => {
    const module = new EfficientViMStage(dim, {
      outDim: has('downsample') ? outDim : undefined,
      dropPaths: new Array<number>(depth).fill(0),
      stateDim,
      mlpRatio,
      ssdExpand: expand,
      ...options,
    })
    return {
      module,
      run: (x) => {
        const { next, map, hidden } = module.forward(x)
        return { next, out: map, hidden }
      },
    }
  },
}

const patchMerging: BlockKind = {
  args: { in_dim: count('dim'), out_dim: count('outDim'), ratio: number('ratio') },
  needs: ['in_dim', 'out_dim'],
  build: ({ dim = 0, outDim = 0, ratio = 4 }, options) => single(new PatchMerging(dim, outDim, { ratio, ...options })),
}

const feedForward: BlockKind = {
  args: { in_dim: count('dim'), dim: count('outDim') },
  needs: ['in_dim', 'dim'],
  build: ({ dim = 0, outDim = 0 }, options) => single(new FeedForward(dim, outDim, options)),
}

const stem: BlockKind = {
  args: { in_dim: count('dim'), dim: count('outDim') },
  needs: [],
  build: ({ dim = 3, outDim = 64 }, options) => single(new Stem(dim, outDim, options)),
}

const channelNorm: BlockKind = {
  args: { num_channels: count('dim'), eps: number('eps') },
  needs: ['num_channels'],
  build: ({ dim = 0, eps = 1e-5 }, options, { axes }) =>
    single(new ChannelNorm(dim, { eps, spatialAxes: axes === 3 ? 1 : 2, ...options })),
}

const squeezeExcite: BlockKind = {
  args: { channels: count('dim') },
  needs: ['channels'],
  build: ({ dim = 0 }, options) => single(new SqueezeExcite(dim, options)),
}

const convNorm: BlockKind = {
  args: {
    in_dim: count('dim'),
    out_dim: count('outDim'),
    kernel_size: count('kernel'),
    stride: count('stride'),
    groups: count('groups'),
  },
  needs: ['in_dim', 'out_dim'],
  build: ({ dim = 0, outDim = 0, kernel = 3, ...rest }, options) =>
    single(new ConvNorm(dim, outDim, kernel, { ...rest, ...options })),
}

/** Layers by an entry that only their state dicts have; the files give them no class. */
const kinds: readonly (readonly [mark: string, kind: BlockKind])[] = [
  ['alpha', block],
  ['blocks', stage],
  ['A', mixer],
  ['dwconv1', patchMerging],
  ['fc1.conv', feedForward],
  ['fc1', squeezeExcite],
  ['conv.0', stem],
  ['conv', convNorm],
  ['weight', channelNorm],
]

/** Builds the layer that a case's state dict and `args` mean. Throws `FormatError`. */
export function buildBlock(entry: Field, axes: number, options: ModuleOptions): Block {
  const has = stateNames(entry)
  const found = kinds.find(([mark]) => has(mark)) ?? entry.at('state').fail('is the state dict of no layer of EfficientViM')
  const [, { args, needs, build }] = found
  for (const name of needs) entry.at('args').at(name)
  return build(readArgs(entry.maybe('args'), args), options, { axes, has })
}

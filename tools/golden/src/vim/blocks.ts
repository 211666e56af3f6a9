import type { Module, ModuleOptions } from '@scanline/nn'
import { add, flip, permute, scope, softplus, split, type Tensor } from '@scanline/tensor'
import { PatchEmbed, VimLayer, VisionRotaryEmbedding } from '@scanline/vim'
import { VimMixer, type VimMixerOptions } from '@scanline/vim-mixer'
import { type ArgTable, readArgs } from '../cases/args.js'
import type { Field } from '../field.js'

type Named = Record<string, Tensor>

/** A layer, and the tensors that a file may name, from its inputs by name. */
export interface Block {
  readonly module: Module
  readonly forward: (inputs: Readonly<Named>) => Named
}

type MixerArgs = Omit<VimMixerOptions, keyof ModuleOptions> & { readonly dim: number; readonly byFlag: boolean }
type LayerArgs = MixerArgs & { readonly rmsNorm: boolean; readonly normEps: number; readonly dropPath: number }

const ignored = (): Record<string, never> => ({})

const mixerArgs: ArgTable<MixerArgs> = {
  d_model: (value) => ({ dim: value.count() }),
  d_state: (value) => ({ stateDim: value.count() }),
  d_conv: (value) => ({ kernelSize: value.count() }),
  expand: (value) => ({ expand: value.number() }),
  dt_rank: (value) => (value.value === 'auto' ? {} : { dtRank: value.count() }),
  bias: (value) => ({ bias: value.boolean() }),
  conv_bias: (value) => ({ convBias: value.boolean() }),
  bimamba_type: (value) => ({ kind: value.oneOf('v2', 'v1', 'none') }),
  if_bimamba: (value) => ({ byFlag: value.boolean() }),
  if_divide_out: (value) => ({ divideOut: value.boolean() }),
  init_layer_scale: (value) => ({ layerScale: value.number() }),
  use_fast_path: ignored,
  layer_idx: ignored,
}

const layerArgs: ArgTable<LayerArgs> = {
  ...mixerArgs,
  rms_norm: (value) => ({ rmsNorm: value.boolean() }),
  norm_epsilon: (value) => ({ normEps: value.number() }),
  drop_path: (value) => ({ dropPath: value.number() }),
  residual_in_fp32: ignored,
  fused_add_norm: ignored,
  ssm_cfg: ignored,
}

/** Builds the layer that a case's `args` mean, by the arguments that only one class has. Throws `FormatError`. */
export function buildBlock(entry: Field, options: ModuleOptions): Block {
  const args = entry.at('args')
  if (args.has('pt_seq_len')) return rope(args, options)
  if (args.has('embed_dim')) return patchEmbed(args, options)
  return args.has('rms_norm') || args.has('fused_add_norm') ? layer(args, options) : mixer(args, options)
}

function mixer(args: Field, options: ModuleOptions): Block {
  args.at('d_model')
  const { dim = 0, byFlag, ...rest } = readArgs(args, mixerArgs)
  const module = new VimMixer(dim, { ...rest, ...(byFlag && { kind: 'v1' as const }), ...options })
  return { module, forward: ({ input }) => mixerTensors(module, input) }
}

/** The published backward direction works on the reversed sequence, and most tensors have their channels first. */
function mixerTensors(mixer: VimMixer, input: Tensor): Named {
  return scope(() => {
    const inner = mixer.outProj.inFeatures
    const projected = mixer.inProj.forward(input)
    const [x] = split(projected, [inner, inner])
    const channelsFirst = (y: Tensor) => permute(y, [0, 2, 1])
    const direction = (name: string, backward: boolean): Named => {
      const { u, projected, delta } = mixer.scanInputs(x, backward)
      const { bias } = backward ? mixer.dtProjB! : mixer.dtProj
      const ordered = (y: Tensor) => (backward ? flip(y, [1]) : y)
      return {
        [`${name}.conv`]: channelsFirst(ordered(u)),
        [`${name}.x_proj`]: ordered(projected),
        [`${name}.delta`]: channelsFirst(ordered(softplus(add(delta, bias!)))),
      }
    }
    return {
      out: mixer.forward(input),
      in_proj: channelsFirst(projected),
      ...direction('forward', false),
      ...(mixer.kind === 'v2' ? direction('backward', true) : {}),
    }
  })
}

function layer(args: Field, options: ModuleOptions): Block {
  args.at('d_model')
  const { dim = 0, byFlag, rmsNorm = true, normEps = 1e-5, dropPath = 0, ...rest } = readArgs(args, layerArgs)
  const kind = byFlag && { kind: 'v1' as const }
  const module = new VimLayer(dim, { ...rest, ...kind, rmsNorm, normEps, dropPath, ...options })
  return { module, forward: ({ hidden, residual }) => ({ ...module.forward({ hidden, residual }) }) }
}

interface PatchArgs {
  readonly patchSize: number
  readonly stride: number
  readonly dim: number
  readonly inChans: number
}

function patchEmbed(args: Field, options: ModuleOptions): Block {
  const table: ArgTable<PatchArgs> = {
    img_size: ignored,
    patch_size: (value) => ({ patchSize: value.count() }),
    stride: (value) => ({ stride: value.count() }),
    embed_dim: (value) => ({ dim: value.count() }),
    in_chans: (value) => ({ inChans: value.count() }),
  }
  const { patchSize = 16, stride = 16, dim = 0, inChans = 3 } = readArgs(args, table)
  const module = new PatchEmbed(inChans, dim, { patchSize, stride, ...options })
  return { module, forward: ({ input }) => ({ out: module.forward(permute(input, [0, 2, 3, 1])) }) }
}

function rope(args: Field, options: ModuleOptions): Block {
  const table: ArgTable<{ readonly dim: number; readonly side: number; readonly pt: number }> = {
    dim: (value) => ({ dim: value.count() }),
    ft_seq_len: (value) => ({ side: value.count() }),
    pt_seq_len: (value) => ({ pt: value.count() }),
  }
  args.at('dim')
  const { dim = 0, pt = 16, side = pt } = readArgs(args, table)
  const module = new VisionRotaryEmbedding(dim, side, pt, options)
  return {
    module,
    forward: (inputs) => ({
      ...Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, module.forward(x)])),
      cos: module.freqsCos.alias(),
      sin: module.freqsSin.alias(),
    }),
  }
}

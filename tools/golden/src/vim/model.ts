import type { ModuleOptions } from '@scanline/nn'
import { registeredNames, Vim, type VimConfig, type VimVariant, variants } from '@scanline/vim'
import type { VimMixerKind } from '@scanline/vim-mixer'
import { type ArgTable, readArgs, requireValue } from '../cases/args.js'
import { fillListed } from '../cases/state.js'
import type { Field } from '../field.js'
import type { Context } from '../kind.js'

/** Arguments that change nothing in exact arithmetic, or that the published constructor ignores. */
const ignored = (): Record<string, never> => ({})

const pools = { none: 'last', mean: 'mean', max: 'max', all: 'all' } as const

const readSize = (value: Field): number | [number, number] => {
  if (!Array.isArray(value.value)) return value.count()
  const [height, width] = value.tuple(2)
  return [height.count(), width.count()]
}

const readKind = (value: Field): VimMixerKind => value.oneOf('v2', 'v1', 'none')

interface ClassTokenArgs {
  readonly cls: boolean
  readonly middle: boolean
  readonly double: boolean
  readonly bimamba: boolean
}

const table: ArgTable<VimConfig & ClassTokenArgs> = {
  img_size: (value) => ({ imgSize: readSize(value) }),
  patch_size: (value) => ({ patchSize: value.count() }),
  stride: (value) => ({ stride: value.count() }),
  depth: (value) => ({ depth: value.count() }),
  embed_dim: (value) => ({ embedDim: value.count() }),
  d_state: (value) => ({ stateDim: value.count() }),
  channels: (value) => ({ inChans: value.count() }),
  num_classes: (value) => ({ numClasses: value.count() }),
  drop_rate: (value) => ({ dropRate: value.number() }),
  drop_path_rate: (value) => ({ dropPathRate: value.number() }),
  norm_epsilon: (value) => ({ normEps: value.number() }),
  rms_norm: (value) => ({ rmsNorm: value.boolean() }),
  if_abs_pos_embed: (value) => ({ absPosEmbed: value.boolean() }),
  if_rope: (value) => ({ rope: value.boolean() }),
  if_rope_residual: (value) => ({ ropeResidual: value.boolean() }),
  pt_hw_seq_len: (value) => ({ ptSeqLen: value.count() }),
  if_cls_token: (value) => ({ cls: value.boolean() }),
  use_middle_cls_token: (value) => ({ middle: value.boolean() }),
  use_double_cls_token: (value) => ({ double: value.boolean() }),
  final_pool_type: (value) => ({ finalPool: pools[value.oneOf('none', 'mean', 'max', 'all')] }),
  bimamba_type: (value) => ({ mixer: readKind(value) }),
  if_bimamba: (value) => ({ bimamba: value.boolean() }),
  if_bidirectional: (value) => ({ layerPairs: value.boolean() }),
  if_divide_out: (value) => ({ divideOut: value.boolean() }),
  init_layer_scale: (value) => ({ layerScale: value.number() }),
  flip_img_sequences_ratio: (value) => ({ flipRatio: Math.max(0, value.number()) }),
  fused_add_norm: ignored,
  residual_in_fp32: ignored,
  ft_seq_len: ignored,
  // The base function misspells if_divide_out; every unknown keyword is swallowed.
  if_devide_out: ignored,
  ssm_cfg: ignored,
  initializer_cfg: ignored,
  pretrained: (value) => {
    requireValue(value, false)
    return {}
  },
}

/** A configuration from `args`, over what a registered name sets. Throws `FormatError`. */
export function configFrom(args: Field | undefined, base: VimConfig = {}): VimConfig {
  const { cls, middle, double, bimamba, ...config } = readArgs(args, table)
  const before = base.classToken ?? 'middle'
  const has = cls ?? before !== 'none'
  const isDouble = double ?? before === 'double'
  const classToken = isDouble ? 'double' : (middle ?? before !== 'front') ? 'middle' : 'front'
  return {
    // The published constructor's own.
    dropPathRate: 0.1,
    ...base,
    ...config,
    classToken: has ? classToken : 'none',
    ...(bimamba && { mixer: 'v1' as const }),
  }
}

/** The configuration that a file's `model` and `args` mean. */
export function readConfig(file: Field): VimConfig {
  const model = file.maybe('model')
  if (!model) return configFrom(file.maybe('args'))
  const name = model.string()
  if (name === 'VisionMamba') return configFrom(file.maybe('args'))
  const variant = Object.hasOwn(registeredNames, name) ? registeredNames[name] : name
  if (!Object.hasOwn(variants, variant))
    model.fail(`there is no model "${name}"; there are VisionMamba, ${Object.keys(registeredNames).join(', ')}`)
  return configFrom(file.maybe('args'), variants[variant as VimVariant])
}

/** Builds and fills the model of a file, or of an entry of `variants`. */
export async function buildModel(entry: Field, name: string, salt: string, context: Context): Promise<Vim> {
  const options: ModuleOptions = { device: context.device.backend, dtype: context.device.dtype }
  const model = new Vim(readConfig(entry), options)
  try {
    await fillListed(context, entry, model, salt, { prefix: name })
    return model
  } catch (error) {
    model.dispose()
    throw error
  }
}

import {
  type BackboneConfig,
  MambaVision,
  MambaVisionBackbone,
  type MambaVisionConfig,
  type MambaVisionVariant,
  type TrunkConfig,
  variants,
} from '@scanline/mambavision'
import type { Module, ModuleOptions } from '@scanline/nn'
import { type ArgTable, readArgs, requireValue } from '../cases/args.js'
import { fillListed } from '../cases/state.js'
import type { Field } from '../field.js'
import type { Context } from '../kind.js'

/** Arguments that the published constructors take and do nothing with. */
const ignored = (): Record<string, never> => ({})

const shared: ArgTable<TrunkConfig> = {
  dim: (value) => ({ dim: value.count() }),
  in_dim: (value) => ({ inDim: value.count() }),
  depths: (value) => ({ depths: value.shape() }),
  window_size: (value) => ({ windowSize: value.shape() }),
  num_heads: (value) => ({ numHeads: value.shape() }),
  mlp_ratio: (value) => ({ mlpRatio: value.number() }),
  in_chans: (value) => ({ inChans: value.count() }),
  qkv_bias: (value) => ({ qkvBias: value.boolean() }),
  // Any true value turns on norms of queries and keys; the scale stays.
  qk_scale: (value) => ({ qkNorm: Boolean(value.value) }),
  layer_scale: (value) => ({ layerScale: value.number() }),
  drop_rate: (value) => ({ dropRate: value.number() }),
  attn_drop_rate: (value) => ({ attnDropRate: value.number() }),
  resolution: ignored,
}

const classifierArgs: ArgTable<MambaVisionConfig> = {
  ...shared,
  num_classes: (value) => ({ numClasses: value.count() }),
  drop_path_rate: (value) => ({ dropPathRate: value.number() }),
  layer_scale_conv: (value) => ({ layerScaleConv: value.number() }),
  pretrained: (value) => {
    requireValue(value, false)
    return {}
  },
}

const backboneArgs: ArgTable<BackboneConfig> = {
  ...shared,
  out_indices: (value) => ({ outIndices: value.shape() }),
  norm_layer: (value) => ({ normLayer: value.oneOf('ln2d', 'bn') }),
  // Never passed on by the published file.
  drop_path_rate: ignored,
  layer_scale_conv: ignored,
  num_classes: ignored,
  pretrained: ignored,
}

const required = ['dim', 'in_dim', 'depths', 'window_size', 'num_heads'] as const

/** Arguments that the class, other than a variant, has no default for. */
function needed(file: Field): void {
  for (const name of required) file.at('args').at(name)
}

/** The configuration that a file's `model` and `args` mean. Throws `FormatError` for names that do not exist. */
export function readConfig(file: Field): MambaVisionConfig {
  const model = file.at('model')
  const args = file.maybe('args')
  const name = model.string()
  const known = ['MambaVision', ...Object.keys(variants)]
  if (!known.includes(name)) model.fail(`there is no model "${name}"; there are ${known.join(', ')}`)
  if (name === 'MambaVision') needed(file)
  const base = name === 'MambaVision' ? {} : variants[name as MambaVisionVariant]
  // An explicit null takes a variant's layer scale away.
  const none = args?.record()['layer_scale'] === null && { layerScale: undefined }
  return { ...base, ...none, ...readArgs(args, classifierArgs) } as MambaVisionConfig
}

/** Whether a file is about the backbone of detectors and segmenters. */
export const isDense = (file: Field): boolean => file.maybe('model')?.value === 'MM_mamba_vision'

export function readBackboneConfig(file: Field): BackboneConfig {
  needed(file)
  return readArgs(file.at('args'), backboneArgs) as BackboneConfig
}

interface Filled<T> {
  readonly model: T
  readonly salt: string
}

/** Builds a file's model, compares its state dict and its size with the file's, and fills it. */
async function build<T extends Module>(file: Field, context: Context, create: (options: ModuleOptions) => T): Promise<Filled<T>> {
  const { backend, dtype } = context.device
  const salt = file.at('salt').string()
  const model = create({ device: backend, dtype })
  try {
    await fillListed(context, file, model, salt)
    return { model, salt }
  } catch (error) {
    model.dispose()
    throw error
  }
}

export const buildModel = (file: Field, context: Context): Promise<Filled<MambaVision>> =>
  build(file, context, (options) => new MambaVision(readConfig(file), options))

export const buildBackbone = (file: Field, context: Context): Promise<Filled<MambaVisionBackbone>> =>
  build(file, context, (options) => new MambaVisionBackbone(readBackboneConfig(file), options))

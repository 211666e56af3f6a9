import { EfficientViM, type EfficientViMConfig, type EfficientViMVariant, variants } from '@scanline/efficientvim'
import type { Tensor } from '@scanline/tensor'
import { type ArgTable, readArgs, requireValue } from '../cases/args.js'
import { checkState, fillModule, readFillOptions, readState } from '../cases/state.js'
import type { Field } from '../field.js'
import type { Context } from '../kind.js'

/** Constructor arguments of stem and stages. */
export const backboneArgs: ArgTable<EfficientViMConfig> = {
  in_dim: (value) => ({ inChans: value.count() }),
  embed_dim: (value) => ({ embedDim: value.shape() }),
  depths: (value) => ({ depths: value.shape() }),
  mlp_ratio: (value) => ({ mlpRatio: value.number() }),
  ssd_expand: (value) => ({ ssdExpand: value.number() }),
  state_dim: (value) => ({ stateDim: value.shape() }),
}

const args: ArgTable<EfficientViMConfig> = {
  ...backboneArgs,
  num_classes: (value) => ({ numClasses: value.count() }),
  distillation: (value) => ({ distillation: value.boolean() }),
  // timm's names of the same, and what says where weights come from.
  in_chans: (value) => ({ inChans: value.count() }),
  distilled: (value) => ({ distillation: value.boolean() }),
  drop_path_rate: (value) => ({ dropPathRate: value.number() }),
  pretrained: (value) => {
    requireValue(value, false)
    return {}
  },
}

/** The configuration of a model by either of its published names. Throws `FormatError` for names that do not exist. */
export function namedConfig(model: Field): EfficientViMConfig {
  // A pretrained tag behind the dot changes nothing but the weights.
  const name = model.string().replace(/\..*$/, '')
  if (name === 'EfficientViM') return {}
  const variant = name.toLowerCase()
  if (Object.hasOwn(variants, variant)) return variants[variant as EfficientViMVariant]
  return model.fail(`there is no model "${name}"; there are EfficientViM, EfficientViM_M1 … EfficientViM_M4 and timm's names`)
}

/** Fields of a file that say what is built and run. */
export const modelFields = ['args', 'input', 'layout', 'state', 'kept', 'extra_fill_rules']

export interface FilledModel {
  readonly model: EfficientViM
  readonly config: EfficientViMConfig
  readonly salt: string
}

/** timm stores [1, C, 1] and [1, C, 1, 1] as [C]. */
const flat = ({ shape }: Tensor): readonly number[] =>
  shape.length > 2 && shape.every((d, i) => i === 1 || d === 1) ? [shape[1]] : shape

/** Builds a file's model, compares its state dict and its size with the file's, and fills it. */
export async function buildModel(file: Field, context: Context): Promise<FilledModel> {
  const { backend, dtype } = context.device
  const config = { ...namedConfig(file.at('model')), ...readArgs(file.maybe('args'), args) }
  const salt = file.at('salt').string()
  const model = new EfficientViM(config, { device: backend, dtype })
  try {
    const listed = file.maybe('state')
    const expected = listed && readState(listed)
    const timm = expected?.some(({ name, shape }) => name === 'norm.0.weight' && shape.length === 1)
    const entries = [...model.stateDict()].map(([name, t]) => ({ name, shape: timm ? flat(t) : t.shape, dtype: t.dtype }))
    if (expected) checkState(context, 'state', new Map(entries.map((entry) => [entry.name, entry])), expected)
    const params = file.maybe('params')
    if (params) context.check({ name: 'params', error: Math.abs(model.parameterCount() - params.count()), bound: 0 })
    await fillModule(model, expected ?? entries, salt, file.maybe('kept'), readFillOptions(file.maybe('extra_fill_rules')))
    return { model, config, salt }
  } catch (error) {
    model.dispose()
    throw error
  }
}

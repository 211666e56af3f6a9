import { EfficientViM, type EfficientViMConfig, type EfficientViMVariant, variants } from '@scanline/efficientvim'
import type { Tensor } from '@scanline/tensor'
import { type ArgTable, readArgs, requireValue } from '../cases/args.js'
import { fillListed, readState } from '../cases/state.js'
import { Field } from '../field.js'
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

const published: ArgTable<EfficientViMConfig> = {
  ...backboneArgs,
  num_classes: (value) => ({ numClasses: value.count() }),
  distillation: (value) => ({ distillation: value.boolean() }),
}

/** timm's names of the same, and what says where weights come from. */
const timm: ArgTable<EfficientViMConfig> = {
  ...published,
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

export interface FilledModel {
  readonly model: EfficientViM
  readonly config: EfficientViMConfig
  readonly salt: string
}

/** timm stores [1, C, 1] and [1, C, 1, 1] as [C]. */
const flat = ({ shape }: Tensor): readonly number[] =>
  shape.length > 2 && shape.every((d, i) => i === 1 || d === 1) ? [shape[1]] : shape

/** The authors' classes and their variants, by their own names. */
const isPublished = (model: string): boolean => /^EfficientViM(_|$)/.test(model)

/** The arguments of the authors' constructors, which take every keyword and ignore those that they do not know. */
export function readKnownArgs<T>(args: Field | undefined, table: ArgTable<T>): Partial<T> {
  if (!args) return {}
  const read = args.entries().filter(([name]) => Object.hasOwn(table, name))
  return readArgs(new Field(Object.fromEntries(read.map(([name, { value }]) => [name, value])), args.path), table)
}

/** Builds a file's model, compares its state dict and its size with the file's, and fills it. */
export async function buildModel(file: Field, context: Context): Promise<FilledModel> {
  const { backend, dtype } = context.device
  const name = file.at('model')
  const args = file.maybe('args')
  const config = {
    ...namedConfig(name),
    ...(isPublished(name.string()) ? readKnownArgs(args, published) : readArgs(args, timm)),
  }
  const salt = file.at('salt').string()
  const model = new EfficientViM(config, { device: backend, dtype })
  try {
    const listed = file.maybe('state')
    const flattened = listed && readState(listed).some((entry) => entry.name === 'norm.0.weight' && entry.shape.length === 1)
    const actual = flattened
      ? new Map([...model.stateDict()].map(([key, t]) => [key, { shape: flat(t), dtype: t.dtype }]))
      : model.stateDict()
    await fillListed(context, file, model, salt, { actual })
    return { model, config, salt }
  } catch (error) {
    model.dispose()
    throw error
  }
}

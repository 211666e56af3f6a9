import { type KeyLayout, keyLayout, MambaOut, type MambaOutConfig, type MambaOutVariant, variants } from '@scanline/mambaout'
import { type ArgTable, readActivation, readArgs, requireLayerNorm, requireValue } from '../cases/args.js'
import { fillListed, readState } from '../cases/state.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import type { Context } from '../kind.js'
import { type Origin, originOf } from './match.js'

type Args = ArgTable<MambaOutConfig>

const numClasses = (value: Field) => ({ numClasses: value.count() })

const shared: Args = {
  in_chans: (value) => ({ inChans: value.count() }),
  num_classes: numClasses,
  depths: (value) => ({ depths: value.shape() }),
  dims: (value) => ({ dims: value.shape() }),
  conv_ratio: (value) => ({ convRatio: value.number() }),
  kernel_size: (value) => ({ kernelSize: value.count() }),
  drop_path_rate: (value) => ({ dropPathRate: value.number() }),
  act_layer: (value) => ({ act: readActivation(value) }),
  norm_layer: (value) => {
    requireLayerNorm(value, 1e-6)
    return {}
  },
}

const named = (value: Field, expected: RegExp): Partial<MambaOutConfig> => {
  if (expected.test(value.string())) return {}
  throw new NotSupportedError(`${value.path}: ${JSON.stringify(value.value)}`)
}

/** Constructor arguments of the two models. */
const args: Readonly<Record<Origin, Args>> = {
  official: {
    ...shared,
    head_dropout: (value) => ({ headDropout: value.number() }),
    output_norm: (value) => {
      requireLayerNorm(value, 1e-6)
      return {}
    },
    head_fn: (value) => named(value, /\bMlpHead\b/),
    downsample_layers: (value) => {
      for (const [i, layer] of value.list().entries()) named(layer, i === 0 ? /\bStemLayer\b/ : /\bDownsampleLayer\b/)
      return {}
    },
    // The published constructor takes these and does nothing with them.
    drop_rate: () => ({}),
    pretrained: () => ({}),
  },
  timm: {
    ...shared,
    expansion_ratio: (value) => ({ expansionRatio: value.number() }),
    stem_mid_norm: (value) => ({ stemMidNorm: value.boolean() }),
    ls_init_value: (value) => ({ lsInit: value.number() }),
    downsample: (value) => ({ downsample: value.oneOf('conv', 'conv_nf') }),
    head_fn: (value) => ({ head: value.oneOf('default', 'norm_mlp') === 'default' ? 'mlp' : 'norm_mlp' }),
    global_pool: (value) => ({ globalPool: value.oneOf('avg', 'max', 'avgmax', '') }),
    drop_rate: (value) => ({ headDropout: value.number() }),
    pretrained: (value) => {
      requireValue(value, false)
      return {}
    },
  },
}

/** The defaults of the class itself, in both repositories. */
const plain: MambaOutConfig = { depths: [3, 3, 9, 3], dims: [96, 192, 384, 576] }

/** The configuration that a file's `model` and `args` mean. Throws `FormatError` for names that do not exist. */
export function readConfig(file: Field): MambaOutConfig {
  const model = file.at('model')
  // A pretrained tag behind the dot changes nothing but the weights.
  const name = model.string().replace(/\..*$/, '')
  const known = ['MambaOut', ...Object.keys(variants)]
  if (!known.includes(name)) model.fail(`there is no model "${name}"; there are ${known.join(', ')}`)
  const base: MambaOutConfig = name === 'MambaOut' ? plain : variants[name as MambaOutVariant]
  return { ...base, ...readArgs(file.maybe('args'), args[originOf(file.maybe('source'))]) }
}

export interface FilledModel {
  readonly model: MambaOut
  readonly layout: KeyLayout
  readonly salt: string
}

/** Builds a file's model, compares its state dict and its size with the file's, and fills it. */
export async function buildModel(file: Field, context: Context): Promise<FilledModel> {
  const { backend, dtype } = context.device
  const salt = file.at('salt').string()
  const model = new MambaOut(readConfig(file), { device: backend, dtype })
  try {
    const listed = file.maybe('state')
    const layout = listed ? keyLayout(readState(listed).map(({ name }) => name)) : originOf(file.maybe('source'))
    await fillListed(context, file, model, salt, { actual: model.stateDict({ layout }) })
    return { model, layout, salt }
  } catch (error) {
    model.dispose()
    throw error
  }
}

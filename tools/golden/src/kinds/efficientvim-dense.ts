import { type BackboneConfig, EfficientViMBackbone, EfficientViMFpn, type FpnOptions } from '@scanline/efficientvim'
import { Module, type ModuleOptions } from '@scanline/nn'
import { scope, type Tensor } from '@scanline/tensor'
import { type ArgTable, readArgs } from '../cases/args.js'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { inLayout, readInput } from '../cases/layout.js'
import { checkState, fillModule, readFillOptions, readState } from '../cases/state.js'
import { checkTensors } from '../cases/tensors.js'
import { isEfficientViM, stateNames } from '../efficientvim/match.js'
import { backboneArgs, namedConfig } from '../efficientvim/model.js'
import { Field } from '../field.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference } from '../reference.js'

interface DenseArgs extends BackboneConfig, Omit<FpnOptions, 'device'> {
  readonly frozenStages?: number
  readonly outIndices?: readonly number[]
}

const args: ArgTable<DenseArgs> = {
  ...(backboneArgs as ArgTable<DenseArgs>),
  model: (value) => namedConfig(value),
  out_indices: (value) => ({ outIndices: value.list().map((index) => index.number()) }),
  frozen_stages: (value) => ({ frozenStages: value.number() }),
  out_channels: (value) => ({ outChannels: value.count() }),
  num_outs: (value) => ({ numOuts: value.count() }),
  num_extra_trans_convs: (value) => ({ extraTransConvs: value.count() }),
  add_extra_convs: (value) => ({ extraConvs: value.value === false ? false : value.oneOf('on_input') }),
  pre_norm: (value) => ({ preNorm: value.boolean() }),
}

const backboneOf = (config: DenseArgs, options: ModuleOptions): EfficientViMBackbone =>
  new EfficientViMBackbone(config, {
    ...options,
    ...(config.outIndices && { outIndices: config.outIndices }),
    ...(config.frozenStages !== undefined && { frozenStages: config.frozenStages }),
  })

/** A backbone and the pyramid on it, as detectors name them. */
class Dense extends Module {
  readonly backbone: EfficientViMBackbone
  readonly neck: EfficientViMFpn
  constructor(config: DenseArgs, options: ModuleOptions) {
    super()
    this.backbone = backboneOf(config, options)
    const channels = this.backbone.outIndices.map((i) => this.backbone.featureInfo[i].channels)
    this.neck = new EfficientViMFpn(channels, { ...config, ...options })
  }
  forward(x: Tensor): Tensor[] {
    return scope(() => this.neck.forward(this.backbone.forward(x)))
  }
}

/** Backbones of detectors and segmenters, alone and with their feature pyramid. */
export const efficientvimDense: Kind = {
  name: 'EfficientViM dense',
  matches: (file) => isEfficientViM(file) && file.has('backbones'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['backbones', 'extra_fill_rules'])
    for (const [i, entry] of file.at('backbones').list().entries()) {
      const name = `backbones[${i}] ${entry.at('name').string()}`
      await context.part(name, () => runBackbone(name, file, entry, context))
    }
  },
}

async function runBackbone(name: string, file: Field, entry: Field, context: Context): Promise<void> {
  await noteUnknown(context, entry, ['args', 'state', 'kept', 'inputs', 'outputs'])
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const options = { device: context.device.backend, dtype: context.device.dtype }
  const config = readArgs(entry.maybe('args'), args)
  const model = stateNames(entry)('neck') ? new Dense(config, options) : backboneOf(config, options)
  const input = new Field({ shape: entry.at('inputs').at('input').shape() }, `${entry.path}.inputs.input`)
  using x = readInput(context, `${name}, input`, input, salt, 'NCHW')
  try {
    const entries = readState(entry.at('state'))
    checkState(context, `${name}, state`, model.stateDict(), entries)
    await fillModule(model, entries, salt, entry.maybe('kept'), readFillOptions(file.maybe('extra_fill_rules')))
    model.eval()
    const outputs = entry.at('outputs').entries()
    const expected = outputs.map(([key, field]) => ({
      name: `${name} ${key}`,
      reference: readReference(field),
      bound: boundOf(context.device, field.maybe('float32_error'), entry.maybe('float32_error')),
    }))
    const run = (image: Tensor): Record<string, Tensor> =>
      scope(() =>
        Object.fromEntries(model.forward(image).map((map, i) => [expected[i]?.name ?? `${name} ${i}`, inLayout(map, 'NCHW')])),
      )
    await execute(context, name, run, [x], (mode, found) => {
      context.check({ name: `${name}, outputs`, run: mode, error: Math.abs(found.size - expected.length), bound: 0 })
      checkTensors(context, mode, expected, found)
    })
  } finally {
    model.dispose()
  }
}

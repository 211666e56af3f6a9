import { type BackboneConfig, EfficientViMBackbone, EfficientViMFpn, type FpnOptions } from '@scanline/efficientvim'
import { Module, type ModuleOptions } from '@scanline/nn'
import { scope, type Tensor } from '@scanline/tensor'
import type { ArgTable } from '../cases/args.js'
import type { Block } from '../efficientvim/blocks.js'
import { runLayer } from '../efficientvim/layer.js'
import { isEfficientViM, stateNames } from '../efficientvim/match.js'
import { backboneArgs, namedConfig, readKnownArgs } from '../efficientvim/model.js'
import type { Field } from '../field.js'
import { type Kind, noteUnread } from '../kind.js'

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

/** Its outputs are those of the file, finest first. */
function build(entry: Field, options: ModuleOptions): Block {
  const config = readKnownArgs(entry.maybe('args'), args)
  const module = stateNames(entry)('neck') ? new Dense(config, options) : backboneOf(config, options)
  const names = entry.at('outputs').keys()
  const run = (x: Tensor): Record<string, Tensor> => {
    const maps = module.forward(x)
    if (maps.length !== names.length) throw new Error(`gives ${maps.length} maps, the file has ${names.length}`)
    return Object.fromEntries(maps.map((map, i) => [names[i], map]))
  }
  return { module, run }
}

/** Backbones of detectors and segmenters, alone and with their feature pyramid. */
export const efficientvimDense: Kind = {
  name: 'EfficientViM dense',
  matches: (file) => isEfficientViM(file) && file.has('backbones'),
  run: async (file, context) => {
    const { backend: device, dtype } = context.device
    await noteUnread(context, file, ['backbones', 'extra_fill_rules'])
    for (const [i, entry] of file.at('backbones').list().entries()) {
      const name = `backbones[${i}] ${entry.at('name').string()}`
      await context.part(name, () => runLayer(name, file, entry, context, build(entry, { device, dtype })))
    }
  },
}

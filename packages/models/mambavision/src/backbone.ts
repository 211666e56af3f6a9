import {
  BatchNorm2d,
  fillConstant,
  LayerNorm,
  type LoadOptions,
  type LoadReport,
  type Module,
  type ModuleOptions,
  type StateSource,
  type StateValue,
  stageIndices,
} from '@scanline/nn'
import { ArgumentError, type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import type { TrunkConfig } from './config.js'
import { toPlain } from './key-layout.js'
import { Trunk } from './trunk.js'

/** The published backbone takes no `layerScaleConv`, `dropRate` and `attnDropRate`; a classifier that was trained with them needs them here too. */
export interface BackboneConfig extends TrunkConfig {
  /** Levels whose maps are given, from 0: all. With none of them the last map comes without a norm. */
  readonly outIndices?: readonly number[]
  /** Of every output: layer norm over the channels of each pixel (`ln2d`, the default) or batch norm (`bn`). */
  readonly normLayer?: 'ln2d' | 'bn'
}

/**
 * MambaVision for detection and segmentation: the classifier's levels, and a norm for each map that is given.
 *
 * @example
 * const backbone = new MambaVisionBackbone(denseVariants.upernet_T, { device, generator: new Generator(0) }).eval()
 * const maps = backbone.forward(zeros([1, 512, 512, 3], { device })) // [1, 128, 128, 80] … [1, 16, 16, 640]
 */
export class MambaVisionBackbone extends Trunk {
  readonly outIndices: readonly number[]
  readonly #norms: readonly (LayerNorm | BatchNorm2d)[]

  /** Throws `ArgumentError` for a configuration that is none. */
  constructor({ outIndices = [0, 1, 2, 3], normLayer = 'ln2d', ...config }: BackboneConfig, options: ModuleOptions) {
    super(config, options)
    if (normLayer !== 'ln2d' && normLayer !== 'bn')
      throw new ArgumentError(`normLayer "${normLayer}" does not fit feature maps; there are "ln2d", "bn"`)
    const Norm = normLayer === 'bn' ? BatchNorm2d : LayerNorm
    this.outIndices = stageIndices(outIndices, this.levels.length)
    this.#norms = this.outIndices.map((i) => new Norm(this.featureInfo[i].channels, options))
  }
  /** The norms are `outnorm0`, `outnorm1`, …: by level, with gaps where a level gives no output. */
  override children(): [string, Module][] {
    const norms = this.outIndices.map((level, i): [string, Module] => [`outnorm${level}`, this.#norms[i]])
    return [...super.children(), ...norms]
  }
  /** Channels of each output. */
  get channels(): readonly number[] {
    return this.outIndices.map((i) => this.featureInfo[i].channels)
  }

  /**
   * Images [N, H, W, C] of any size → one map [N, ⌈H/r⌉, ⌈W/r⌉, channels] for each of `outIndices`, r = 4, 8, 16, 32.
   * Throws `ShapeError`; `ArgumentError` in training mode without `random`.
   */
  forward(x: Tensor, random?: RandomStreams): Tensor[] {
    return scope(() => {
      const options = { indices: this.outIndices, stopEarly: true, ...(random && { random }) }
      const { final, intermediates } = this.forwardIntermediates(x, options)
      return this.#norms.length === 0 ? [final] : intermediates.map((map, i) => this.#norms[i].forward(map))
    })
  }

  /**
   * As the classifier's. From a classifier's file norm and head are left out, and output norms that a file does not have
   * start at 1 and 0.
   */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    const entries = new Map<string, StateValue>(toPlain(source).filter(([name]) => !/^(norm|head)\./.test(name)))
    const fresh = ![...entries.keys()].some((name) => name.startsWith('outnorm'))
    if (fresh)
      for (const [i, norm] of this.#norms.entries()) {
        if (norm instanceof BatchNorm2d) norm.reset()
        else {
          fillConstant(norm.weight, 1)
          fillConstant(norm.bias, 0)
        }
        for (const [name, tensor] of norm.stateDict()) entries.set(`outnorm${this.outIndices[i]}.${name}`, tensor)
      }
    return super.loadStateDict(entries, options)
  }
}

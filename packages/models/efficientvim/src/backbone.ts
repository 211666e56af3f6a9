import {
  BatchNorm2d,
  checkImages,
  dropPathSchedule,
  type FeatureInfo,
  type LoadOptions,
  type LoadReport,
  Module,
  type ModuleOptions,
  type StateSource,
  stageIndices,
  withBatchCounters,
} from '@scanline/nn'
import { type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { type BackboneConfig, type ResolvedConfig, resolveConfig } from './config.js'
import { toPlain } from './key-layout.js'
import { withNormShapes } from './norm-shapes.js'
import { EfficientViMStage, type StageOutput } from './stage.js'
import { Stem } from './stem.js'

export interface FeatureOptions {
  /** Stages whose maps are wanted, negative ones counted from the last; or how many of the last. All by default. */
  readonly outIndices?: number | readonly number[]
  readonly random?: RandomStreams
}

/** Stem and stages: `patchEmbed` and `stages` of a module whose images are checked under `name`. */
export function buildTrunk(config: ResolvedConfig, options: ModuleOptions): { patchEmbed: Stem; stages: EfficientViMStage[] } {
  const { embedDim, depths, stateDim, inChans, mlpRatio, ssdExpand, dropPathRate } = config
  const dropPaths = dropPathSchedule(depths, dropPathRate)
  const patchEmbed = new Stem(inChans, embedDim[0], options)
  const stages = embedDim.map(
    (dim, i) =>
      new EfficientViMStage(dim, {
        ...options,
        outDim: embedDim[i + 1],
        stateDim: stateDim[i],
        mlpRatio,
        ssdExpand,
        dropPaths: dropPaths[i],
      }),
  )
  return { patchEmbed, stages }
}

/** What runs on images up to the stages' outputs. */
export abstract class Trunk extends Module {
  abstract readonly patchEmbed: Stem
  abstract readonly stages: EfficientViMStage[]
  abstract readonly config: ResolvedConfig

  get featureInfo(): readonly FeatureInfo[] {
    return this.stages.map((_, i) => ({ channels: this.config.embedDim[i], reduction: 2 ** (i + 4) }))
  }
  /** The outputs of the first `count` stages; the last of them does not downsample. */
  protected runStages(x: Tensor, count: number, random?: RandomStreams): Omit<StageOutput, 'next'>[] {
    const [{ conv }] = this.patchEmbed.conv
    checkImages('EfficientViM', x, { channels: conv.inChannels, dtype: conv.weight.dtype })
    return scope(() => {
      const outputs: Omit<StageOutput, 'next'>[] = []
      let y = this.patchEmbed.forward(x)
      for (const [i, stage] of this.stages.slice(0, count).entries()) {
        if (i === count - 1) outputs.push(stage.forwardBlocks(y, random))
        else {
          const output = stage.forward(y, random)
          outputs.push(output)
          y = output.next
        }
      }
      return outputs.map(({ map, hidden }) => ({ map, hidden }))
    })
  }
  /**
   * A pyramid for detection and segmentation: the maps of chosen stages before downsampling, [N, ⌈H/16⌉, ⌈W/16⌉, C0] and so
   * on, without norm. Stages behind the last one wanted do not run.
   */
  features(x: Tensor, { outIndices, random }: FeatureOptions = {}): Tensor[] {
    const wanted = stageIndices(outIndices, this.stages.length)
    return scope(() => {
      const outputs = this.runStages(x, Math.max(-1, ...wanted) + 1, random)
      return wanted.map((i) => outputs[i].map.alias())
    })
  }
  /**
   * As `Module.loadStateDict`, for a file of any published layout: with names as the authors and timm have them, below a
   * wrapper's prefix or not (see `toPlain`), and channel norms in either shape. A missing `num_batches_tracked` is 0.
   */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    const target = this.stateDict()
    return super.loadStateDict(withBatchCounters(withNormShapes(toPlain(source), target), target), options)
  }
}

export interface BackboneOptions extends ModuleOptions {
  /** Stages whose maps `forward` gives: all by default. */
  readonly outIndices?: number | readonly number[]
  /** From 0 on the stem is frozen: `trainableParameters` leaves it out. -1, as published, trains everything. */
  readonly frozenStages?: number
}

/**
 * The dense-prediction form of EfficientViM: stem and stages only, under the names that they have in the classifier. Batch
 * norms use the running statistics in training mode too; only their scales and shifts learn.
 *
 * @example
 * const backbone = new EfficientViMBackbone(variants.efficientvim_m4, { device, generator: new Generator(0) }).eval()
 * const maps = backbone.forward(zeros([1, 512, 512, 3], { device })) // [1, 32, 32, 224], [1, 16, 16, 320], [1, 8, 8, 512]
 */
export class EfficientViMBackbone extends Trunk {
  readonly patchEmbed: Stem
  readonly stages: EfficientViMStage[]
  readonly config: ResolvedConfig
  readonly outIndices: readonly number[]
  readonly frozenStages: number

  /** Throws `ArgumentError` for a configuration that is none, and for stages that are not there. */
  constructor(config: BackboneConfig, { outIndices, frozenStages = -1, ...options }: BackboneOptions) {
    super()
    this.config = resolveConfig(config)
    const { patchEmbed, stages } = buildTrunk(this.config, options)
    this.patchEmbed = patchEmbed
    this.stages = stages
    this.outIndices = stageIndices(outIndices, stages.length)
    this.frozenStages = frozenStages
    this.train()
  }
  override train(training = true): this {
    super.train(training)
    for (const module of this.modules()) if (module instanceof BatchNorm2d) module.eval()
    return this
  }
  /** As the classifier's; from a classifier's file, fusion weights, norms and heads are left out. */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    const trunk = toPlain(source).filter(([name]) => !/^(weights(_dist)?$|norm\.|heads(_dist)?\.)/.test(name))
    return super.loadStateDict(trunk, options)
  }
  /** What an optimizer should change. */
  trainableParameters(): Tensor[] {
    const frozen = new Set(this.frozenStages >= 0 ? this.patchEmbed.parameters() : [])
    return this.parameters().filter((tensor) => !frozen.has(tensor))
  }
  /** Images [N, H, W, C] → one map for each of `outIndices`. Throws `ShapeError`. */
  forward(x: Tensor, random?: RandomStreams): Tensor[] {
    return this.features(x, { outIndices: this.outIndices, ...(random && { random }) })
  }
}

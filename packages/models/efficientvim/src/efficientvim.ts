import { ChannelNorm, fillConstant, Linear, type ModuleOptions, parameter, replaceClassifier, stageIndices } from '@scanline/nn'
import {
  ArgumentError,
  add,
  concat,
  type Generator,
  mean,
  mul,
  permute,
  type RandomStreams,
  ShapeError,
  scope,
  split,
  type Tensor,
} from '@scanline/tensor'
import { buildTrunk, Trunk } from './backbone.js'
import { fuseLogits } from './classifier.js'
import { checkClasses, type EfficientViMConfig, type ResolvedConfig, resolveConfig } from './config.js'
import type { EfficientViMStage } from './stage.js'
import type { Stem } from './stem.js'

export interface IntermediatesOptions {
  /** Stages whose maps are wanted, negative ones counted from the last; or how many of the last. All by default. */
  readonly indices?: number | readonly number[]
  /** NHWC by default. */
  readonly format?: 'NHWC' | 'NCHW'
  readonly random?: RandomStreams
}

/** The logits of both sets of classifiers of a distilled model. */
export interface DistilledLogits {
  readonly logits: Tensor
  readonly distilled: Tensor
}

/**
 * EfficientViM (Lee et al., arXiv 2411.15241): stages of HSM-SSD blocks at strides 16, 32 and 64, whose hidden states the
 * classifier reads beside the last map. Images [N, H, W, C] of any size: every halving rounds up. Names of parameters are
 * the authors' and timm's.
 *
 * @example
 * const model = new EfficientViM(variants.efficientvim_m1, { device, generator: new Generator(0) }).eval()
 * const logits = model.forward(zeros([1, 224, 224, 3], { device })) // [1, 1000]
 */
export class EfficientViM extends Trunk {
  /** Of the fusion, before softmax; absent without a classifier. */
  weights: Tensor | undefined
  weightsDist: Tensor | undefined
  readonly patchEmbed: Stem
  readonly stages: EfficientViMStage[]
  /** Of the stages' hidden states, and of the last map. */
  readonly norm: ChannelNorm[]
  heads: Linear[]
  headsDist: Linear[]
  readonly config: ResolvedConfig

  /** Throws `ArgumentError` for a configuration that is none. */
  constructor(config: EfficientViMConfig, options: ModuleOptions) {
    super()
    this.config = resolveConfig(config)
    const { embedDim, numClasses, distillation } = this.config
    const { patchEmbed, stages } = buildTrunk(this.config, options)
    const classified = numClasses > 0
    const dims = [...embedDim, embedDim[embedDim.length - 1]]
    const { device, dtype, generator } = options
    const memory = { device, ...(dtype && { dtype }) }
    const heads = (): Linear[] => dims.map((dim) => new Linear(dim, numClasses, memory))
    const shares = (): Tensor => parameter([dims.length], memory)
    this.weights = classified ? shares() : undefined
    this.weightsDist = classified && distillation ? shares() : undefined
    this.patchEmbed = patchEmbed
    this.stages = stages
    this.norm = dims.map((dim, i) => new ChannelNorm(dim, { spatialAxes: i < embedDim.length ? 1 : 2, ...options }))
    this.heads = classified ? heads() : []
    this.headsDist = classified && distillation ? heads() : []
    if (generator) this.resetClassifier(numClasses, 'avg', generator)
  }

  get numClasses(): number {
    return this.heads[0]?.outFeatures ?? 0
  }
  /** Channels of the last feature map. */
  get numFeatures(): number {
    return this.config.embedDim[this.config.embedDim.length - 1]
  }
  /** Width of the pooled vectors together. */
  get headHiddenSize(): number {
    return this.pooledSizes.reduce((sum, n) => sum + n)
  }
  private get pooledSizes(): number[] {
    return [...this.config.embedDim, this.numFeatures]
  }

  /**
   * Images [N, H, W, C] → logits [N, classes], the mean of both sets of classifiers in a distilled model; the pooled vectors
   * [N, headHiddenSize] without a classifier. Throws `ShapeError` for another rank or channel count; `ArgumentError` in
   * training mode with drop path and without `random`.
   */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.forwardHead(this.forwardFeatures(x, random)))
  }
  /** Images → both sets of logits, for training a distilled model. Throws `ArgumentError` without distillation. */
  forwardDistilled(x: Tensor, random?: RandomStreams): DistilledLogits {
    const { weights, weightsDist, heads, headsDist } = this
    if (!weights || !weightsDist)
      throw new ArgumentError('this EfficientViM has no distilled classifiers; build it with { distillation: true }')
    return scope(() => {
      const vectors = this.poolStages(x, random)
      return { logits: fuseLogits(weights, heads, vectors), distilled: fuseLogits(weightsDist, headsDist, vectors) }
    })
  }
  /** Images → what the classifiers read, side by side: the mean hidden state of every stage and the mean of the last map. */
  forwardFeatures(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => concat(this.poolStages(x, random)))
  }
  /** The pooled vectors → logits; with `preLogits` or without a classifier they stay as they are. */
  forwardHead(features: Tensor, { preLogits = false }: { readonly preLogits?: boolean } = {}): Tensor {
    const { weights, weightsDist, heads, headsDist, headHiddenSize } = this
    if (features.rank !== 2 || features.shape[1] !== headHiddenSize)
      throw new ShapeError(`the head needs the pooled vectors [N, ${headHiddenSize}] of forwardFeatures, got ${features}`)
    if (preLogits || !weights) return features.alias()
    return scope(() => {
      const vectors = split(features, this.pooledSizes)
      const logits = fuseLogits(weights, heads, vectors)
      return weightsDist ? mul(add(logits, fuseLogits(weightsDist, headsDist, vectors)), 0.5) : logits
    })
  }
  /** Hidden states [N, S, C] of the stages, then the last map → their normed means. */
  pool(hidden: readonly Tensor[], map: Tensor): Tensor[] {
    return scope(() => [
      ...hidden.map((h, i) => mean(this.norm[i].forward(h), [1])),
      mean(this.norm[hidden.length].forward(map), [1, 2]),
    ])
  }
  private poolStages(x: Tensor, random?: RandomStreams): Tensor[] {
    return scope(() => {
      const outputs = this.runStages(x, this.stages.length, random)
      return this.pool(
        outputs.map(({ hidden }) => hidden),
        outputs[outputs.length - 1].map,
      )
    })
  }

  /** The maps of chosen stages before downsampling, and the pooled vectors of all. */
  forwardIntermediates(
    x: Tensor,
    { indices, format = 'NHWC', random }: IntermediatesOptions = {},
  ): { readonly final: Tensor; readonly intermediates: Tensor[] } {
    const wanted = stageIndices(indices, this.stages.length)
    return scope(() => {
      const outputs = this.runStages(x, this.stages.length, random)
      const { map } = outputs[outputs.length - 1]
      const pooled = this.pool(
        outputs.map(({ hidden }) => hidden),
        map,
      )
      const maps = wanted.map((i) => outputs[i].map)
      return {
        final: concat(pooled),
        intermediates: maps.map((m) => (format === 'NCHW' ? permute(m, [0, 3, 1, 2]) : m.alias())),
      }
    })
  }

  /**
   * Replaces the classifiers (both sets of a distilled model) by ones for `numClasses`, or by none for 0. Their weights come
   * from the generator, without one they are 0; the fusion starts with equal shares. The pooling cannot be changed.
   */
  resetClassifier(numClasses: number, globalPool = 'avg', generator?: Generator): void {
    if (globalPool !== 'avg' && globalPool !== '')
      throw new ArgumentError(`EfficientViM pools by means ("avg"); "${globalPool}" is not to be had`)
    checkClasses(numClasses)
    const { device, dtype } = this.patchEmbed.conv[0].conv.weight
    const options = { device, dtype, training: this.training, ...(generator && { generator }) }
    const heads = (old: readonly Linear[], wanted: boolean): Linear[] =>
      this.pooledSizes.flatMap((dim, i) => replaceClassifier(old[i], dim, wanted ? numClasses : 0, options) ?? [])
    const shares = (old: Tensor | undefined, wanted: boolean): Tensor | undefined => {
      old?.dispose()
      if (!wanted || numClasses === 0) return undefined
      const equal = parameter([this.pooledSizes.length], { device, dtype })
      fillConstant(equal, 1)
      return equal
    }
    this.weights = shares(this.weights, true)
    this.weightsDist = shares(this.weightsDist, this.config.distillation)
    this.heads = heads(this.heads, true)
    this.headsDist = heads(this.headsDist, this.config.distillation)
  }

  /**
   * Frees what the maps of the stages `indices` do not need, the classifier and its norms too; for feature extraction only.
   * Gives the indices counted from 0.
   */
  pruneIntermediateLayers(indices?: number | readonly number[]): number[] {
    const wanted = stageIndices(indices, this.stages.length)
    const kept = Math.max(0, ...wanted) + 1
    for (const stage of this.stages.splice(kept)) stage.dispose()
    const last = this.stages[kept - 1]
    last.downsample?.dispose()
    last.downsample = undefined
    this.resetClassifier(0)
    for (const norm of this.norm.splice(0)) norm.dispose()
    return wanted
  }
}

import {
  Conv2d,
  checkImages,
  dropPathSchedule,
  type FeatureInfo,
  fillConstant,
  fillTruncatedNormal,
  LayerNorm,
  LayerScale,
  Linear,
  type LoadOptions,
  type LoadReport,
  Module,
  type ModuleOptions,
  type StateSource,
  stageIndices,
} from '@scanline/nn'
import { type Generator, permute, type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { type MambaOutConfig, type ResolvedConfig, resolveConfig } from './config.js'
import type { GlobalPool } from './global-pool.js'
import { ClNormMlpClassifierHead, type HeadForwardOptions, MlpHead } from './head.js'
import { type KeyLayout, toOfficial, toTimm } from './key-layout.js'
import { MambaOutStage } from './stage.js'
import { Stem } from './stem.js'

export interface IntermediatesOptions {
  /** Stages whose outputs are wanted, negative ones counted from the last; or how many of the last. All by default. */
  readonly indices?: number | readonly number[]
  /** NHWC by default. */
  readonly format?: 'NHWC' | 'NCHW'
  /** Leave out the stages behind the last one wanted. */
  readonly stopEarly?: boolean
  readonly random?: RandomStreams
}

/**
 * MambaOut (Yu and Wang, arXiv 2405.07992): four stages of gated CNN blocks, for images [N, H, W, C] of any size.
 * Parameters have timm's names; state dicts are read and written in the official layout too.
 *
 * @example
 * const model = new MambaOut(variants.mambaout_femto, { device, generator: new Generator(0) }).eval()
 * const logits = model.forward(zeros([1, 224, 224, 3], { device })) // [1, 1000]
 */
export class MambaOut extends Module {
  readonly stem: Stem
  readonly stages: MambaOutStage[]
  readonly head: MlpHead | ClNormMlpClassifierHead
  readonly config: ResolvedConfig

  /** Throws `ArgumentError` for a configuration that is none. */
  constructor(config: MambaOutConfig, { device, dtype, generator }: ModuleOptions) {
    super()
    const resolved = resolveConfig(config)
    const { depths, dims, inChans, numClasses, stemMidNorm, act, headDropout, globalPool } = resolved
    const { downsample, expansionRatio, convRatio, kernelSize, lsInit, dropPathRate } = resolved
    const memory = { device, ...(dtype && { dtype }) }
    const dropPaths = dropPathSchedule(depths, dropPathRate)
    this.stem = new Stem(inChans, dims[0], { midNorm: stemMidNorm, act, ...memory })
    this.stages = dims.map(
      (dim, i) =>
        new MambaOutStage(dims[i - 1] ?? dim, dim, {
          downsample: i === 0 ? undefined : downsample,
          dropPaths: dropPaths[i],
          expansionRatio,
          convRatio,
          kernelSize,
          act,
          lsInit,
          ...memory,
        }),
    )
    const Head = resolved.head === 'mlp' ? MlpHead : ClNormMlpClassifierHead
    this.head = new Head(dims[dims.length - 1], numClasses, { globalPool, dropout: headDropout, ...memory })
    this.config = resolved
    if (generator) this.initialise(generator)
  }

  get numClasses(): number {
    return this.head.numClasses
  }
  /** Channels of the last feature map. */
  get numFeatures(): number {
    return this.config.dims[this.config.dims.length - 1]
  }
  /** Width of what the classifier reads. */
  get headHiddenSize(): number {
    return this.head.hiddenSize
  }
  get featureInfo(): readonly FeatureInfo[] {
    return this.stages.map((_, i) => ({ channels: this.config.dims[i], reduction: 2 ** (i + 2) }))
  }

  /** Published initialisation: weights normal with std 0.02, biases 0, norms 1 and 0, layer scale its start value. */
  initialise(generator: Generator): void {
    for (const module of this.modules()) {
      if (module instanceof Linear || module instanceof Conv2d) {
        fillTruncatedNormal(module.weight, generator)
        fillConstant(module.bias!, 0)
      } else if (module instanceof LayerNorm) {
        fillConstant(module.weight, 1)
        fillConstant(module.bias, 0)
      } else if (module instanceof LayerScale) fillConstant(module.gamma, this.config.lsInit!)
    }
  }

  /**
   * Images [N, H, W, C] → logits [N, classes]; the hidden layer's output [N, 4 · numFeatures] without a classifier.
   * Throws `ShapeError` for another rank or channel count; `ArgumentError` in training mode with drop path or dropout and
   * without `random`.
   */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.forwardHead(this.forwardFeatures(x, random), random && { random }))
  }
  /** Images → the last stage's output [N, ⌈H/32⌉, ⌈W/32⌉, numFeatures], before pooling and norm. */
  forwardFeatures(x: Tensor, random?: RandomStreams): Tensor {
    return this.forwardIntermediates(x, { indices: [], ...(random && { random }) }).final
  }
  /** The last stage's output → logits, or with `preLogits` what the classifier reads. */
  forwardHead(features: Tensor, options?: HeadForwardOptions): Tensor {
    return this.head.forward(features, options)
  }

  /** The outputs of chosen stages, without norm, and that of the last stage that ran. */
  forwardIntermediates(
    x: Tensor,
    { indices, format = 'NHWC', stopEarly = false, random }: IntermediatesOptions = {},
  ): { readonly final: Tensor; readonly intermediates: Tensor[] } {
    checkImages('MambaOut', x, { channels: this.stem.conv1.inChannels, dtype: this.stem.conv1.weight.dtype })
    const wanted = stageIndices(indices, this.stages.length)
    const stop = stopEarly && wanted.length > 0 ? Math.max(...wanted) : this.stages.length - 1
    return scope(() => {
      const outputs: Tensor[] = []
      let y = this.stem.forward(x)
      for (const stage of this.stages.slice(0, stop + 1)) outputs.push((y = stage.forward(y, random)))
      const intermediates = wanted.map((i) => (format === 'NCHW' ? permute(outputs[i], [0, 3, 1, 2]) : outputs[i].alias()))
      return { final: y, intermediates }
    })
  }
  /**
   * A pyramid for detection and segmentation: the outputs of chosen stages (all by default), NHWC, without norm. Stages
   * behind the last one wanted do not run.
   */
  features(
    x: Tensor,
    { outIndices, random }: { readonly outIndices?: number | readonly number[]; readonly random?: RandomStreams } = {},
  ): Tensor[] {
    return scope(
      () =>
        this.forwardIntermediates(x, {
          stopEarly: true,
          ...(outIndices !== undefined && { indices: outIndices }),
          ...(random && { random }),
        }).intermediates,
    )
  }

  /**
   * Replaces the classifier by one for `numClasses`, or by none for 0, and sets the pooling. Its weights come from the
   * generator; without one they are 0.
   */
  resetClassifier(numClasses: number, globalPool?: GlobalPool, generator?: Generator): void {
    this.head.reset(numClasses, globalPool, generator)
  }
  /**
   * Frees the stages behind the last of `indices` and, unless told otherwise, the classifier; for feature extraction
   * only. Gives the indices counted from 0.
   */
  pruneIntermediateLayers(indices?: number | readonly number[], { pruneHead = true } = {}): number[] {
    const wanted = stageIndices(indices, this.stages.length)
    for (const stage of this.stages.splice(Math.max(-1, ...wanted) + 1)) stage.dispose()
    if (pruneHead) this.resetClassifier(0, '')
    return wanted
  }

  /** Parameters by name, in the order of timm's checkpoints or of the official ones. The tensors stay the model's. */
  override stateDict({ layout = 'timm' }: { readonly layout?: KeyLayout } = {}): Map<string, Tensor> {
    const entries = super.stateDict()
    return layout === 'official' ? new Map(toOfficial(entries)) : entries
  }
  /** As `Module.loadStateDict`, for entries in either layout. */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    return super.loadStateDict(toTimm(source), options)
  }
}

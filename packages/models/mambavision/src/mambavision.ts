import { BatchNorm2d, Linear, type ModuleOptions, replaceClassifier, stageIndices } from '@scanline/nn'
import { type Generator, mean, type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { checkClasses, type MambaVisionConfig } from './config.js'
import { initialiseLinear, Trunk } from './trunk.js'

/**
 * MambaVision (Hatamizadeh and Kautz, arXiv 2407.08083): two convolutional levels, then two of windowed token blocks that
 * scan first and attend afterwards, for images [N, H, W, C] of any size.
 *
 * @example
 * const model = new MambaVision(variants.mamba_vision_T, { device, generator: new Generator(0) }).eval()
 * const logits = model.forward(zeros([1, 224, 224, 3], { device })) // [1, 1000]
 */
export class MambaVision extends Trunk {
  readonly norm: BatchNorm2d
  /** Absent for 0 classes. */
  head: Linear | undefined

  /** Throws `ArgumentError` for a configuration that is none. */
  constructor({ numClasses, ...config }: MambaVisionConfig, options: ModuleOptions) {
    super(config, options)
    const classes = checkClasses(numClasses)
    this.norm = new BatchNorm2d(this.numFeatures, options)
    this.head = classes > 0 ? new Linear(this.numFeatures, classes, options) : undefined
    if (this.head && options.generator) initialiseLinear(this.head, options.generator)
  }

  get numClasses(): number {
    return this.head?.outFeatures ?? 0
  }
  /** Width of what the classifier reads. */
  get headHiddenSize(): number {
    return this.numFeatures
  }

  /**
   * Images [N, H, W, C] → logits [N, classes]; the pooled vector [N, numFeatures] without a classifier. Throws `ShapeError`
   * for another rank or channel count; `ArgumentError` in training mode with drop path or dropout and without `random`.
   */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.forwardHead(this.forwardFeatures(x, random)))
  }
  /** Images → the last level's output [N, ⌈H/32⌉, ⌈W/32⌉, numFeatures], before norm and pooling. */
  forwardFeatures(x: Tensor, random?: RandomStreams): Tensor {
    return this.forwardIntermediates(x, { indices: [], ...(random && { random }) }).final
  }
  /** The last level's output → logits, or with `preLogits` the normalised and pooled vector. */
  forwardHead(features: Tensor, { preLogits = false }: { readonly preLogits?: boolean } = {}): Tensor {
    return scope(() => {
      const pooled = mean(this.norm.forward(features), [1, 2])
      return this.head && !preLogits ? this.head.forward(pooled) : pooled
    })
  }
  /**
   * A pyramid: the outputs of chosen levels (all by default), NHWC, without norm. Levels behind the last one wanted do not
   * run. `MambaVisionBackbone` has the norms of the published detectors.
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

  /** Replaces the classifier by one for `numClasses`, or by none for 0. Its weights come from the generator; without one they are 0. */
  resetClassifier(numClasses: number, _globalPool?: string, generator?: Generator): void {
    const { device, dtype } = this.norm.weight
    const options = { device, dtype, training: this.training, ...(generator && { generator }) }
    this.head = replaceClassifier(this.head, this.numFeatures, checkClasses(numClasses), options)
  }
  /**
   * Frees what the outputs of the levels `indices` do not need, the classifier too; for feature extraction only. Gives the
   * indices counted from 0.
   */
  pruneIntermediateLayers(indices?: number | readonly number[]): number[] {
    const wanted = stageIndices(indices, this.levels.length)
    const kept = Math.max(0, ...wanted) + 1
    for (const level of this.levels.splice(kept)) level.dispose()
    const last = this.levels[kept - 1]
    last.downsample?.dispose()
    last.downsample = undefined
    this.resetClassifier(0)
    return wanted
  }
}

import {
  type FeatureInfo,
  type LoadOptions,
  type LoadReport,
  type ModuleOptions,
  replaceClassifier,
  type StateSource,
  stageIndices,
} from '@scanline/nn'
import { add, type Generator, max, mean, mul, type RandomStreams, reshape, scope, slice, type Tensor } from '@scanline/tensor'
import { resolveConfig, type VimConfig } from './config.js'
import { initialise } from './initialise.js'
import { toVim } from './key-layout.js'
import { addResidual } from './layer.js'
import { VimTrunk } from './trunk.js'

export interface HeadForwardOptions {
  /** Stop before the classifier. */
  readonly preLogits?: boolean
  readonly random?: RandomStreams
}

/**
 * Vision Mamba (Zhu et al., arXiv 2401.09417): patches as a sequence, mixed by selective scans in both directions. Runs
 * images [N, H, W, C] of the size it was built for.
 *
 * @example
 * const model = new Vim(variants.vim_tiny, { device, generator: new Generator(0) }).eval()
 * const logits = model.forward(zeros([1, 224, 224, 3], { device })) // [1, 1000]
 */
export class Vim extends VimTrunk {
  /** Throws `ArgumentError` for a configuration that is none. */
  constructor(config: VimConfig, options: ModuleOptions) {
    super(resolveConfig(config), true, options)
    if (options.generator) this.initialise(options.generator)
  }

  get numClasses(): number {
    return this.head?.outFeatures ?? 0
  }
  get numFeatures(): number {
    return this.config.embedDim
  }
  /** Width of what the classifier reads. */
  get headHiddenSize(): number {
    return this.config.embedDim
  }
  get featureInfo(): readonly FeatureInfo[] {
    const info = { channels: this.config.embedDim, reduction: this.config.stride }
    return Array.from({ length: this.layers.length / this.step }, () => info)
  }
  private get step(): number {
    return this.config.layerPairs ? 2 : 1
  }

  /** Published initialisation: see `initialise` of the mixer for the scan's parameters. */
  initialise(generator: Generator): void {
    initialise(this, generator)
  }

  /**
   * Images [N, H, W, C] → logits [N, classes] ([N, L, classes] with `finalPool: 'all'`); what the classifier would read
   * without one. Throws `ShapeError` for another size than `imgSize`; `ArgumentError` in training mode with dropout, drop
   * path or random reversing and without `random`.
   */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.forwardHead(this.forwardFeatures(x, random)))
  }
  /** Images → all tokens [N, L, embedDim] behind the last norm. */
  forwardFeatures(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      const { tokens, orders } = this.arrange(x, random)
      const last = this.runLayers(tokens, random).at(-1) ?? { hidden: tokens, residual: undefined }
      const normalised = this.normalised(last, random)
      // The last token is the last that the layers got.
      const { classToken, finalPool } = this.config
      return classToken === 'none' && finalPool === 'last' ? normalised : this.restore(normalised, orders)
    })
  }
  /** All tokens → logits, or with `preLogits` what the classifier reads. */
  forwardHead(tokens: Tensor, { preLogits = false }: HeadForwardOptions = {}): Tensor {
    return scope(() => {
      const read = this.pool(tokens)
      if (preLogits || !this.head) return read
      const logits = this.head.forward(read)
      return this.config.classToken === 'none' && this.config.finalPool === 'max' ? max(logits, [1]) : logits
    })
  }

  /** The row or rows of tokens that the classifier reads. */
  private pool(tokens: Tensor): Tensor {
    const { classToken, finalPool } = this.config
    const [n, length, dim] = tokens.shape
    const row = (at: number) => reshape(slice(tokens, 1, at, at + 1), [n, dim])
    if (classToken === 'double') return mul(add(row(0), row(length - 1)), 0.5)
    if (classToken !== 'none') return row(this.classIndex(length - 1))
    if (finalPool === 'last') return row(length - 1)
    return finalPool === 'mean' ? mean(tokens, [1]) : tokens.alias()
  }

  /**
   * Chosen layers' outputs (hidden + residual, without norm and class tokens) as maps [N, h, w, embedDim]; all by
   * default. Layers behind the last one wanted do not run. Layer pairs count as one.
   */
  features(
    x: Tensor,
    { outIndices, random }: { readonly outIndices?: number | readonly number[]; readonly random?: RandomStreams } = {},
  ): Tensor[] {
    const wanted = stageIndices(outIndices, this.featureInfo.length)
    return scope(() => {
      const { tokens, orders } = this.arrange(x, random)
      const outputs = this.runLayers(tokens, random, this.step * (1 + Math.max(-1, ...wanted)))
      return wanted.map((i) => this.toMap(this.restore(addResidual(outputs[i]), orders)))
    })
  }

  /** Replaces the classifier by one for `numClasses`, or by none for 0. Its weights come from the generator, or are 0. */
  resetClassifier(numClasses: number, _globalPool?: string, generator?: Generator): void {
    const { device, dtype } = this.patchEmbed.proj.weight
    const options = { device, dtype, training: this.training, ...(generator && { generator }) }
    this.head = replaceClassifier(this.head, this.config.embedDim, numClasses, options)
  }
  /** Frees the layers behind the last of `indices`, and the classifier. Gives the indices counted from 0. */
  pruneIntermediateLayers(indices?: number | readonly number[]): number[] {
    const wanted = stageIndices(indices, this.featureInfo.length)
    for (const layer of this.layers.splice(this.step * (1 + Math.max(-1, ...wanted)))) layer.dispose()
    this.resetClassifier(0)
    return wanted
  }

  /** As `Module.loadStateDict`, for entries with the prefixes of wrappers too. */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    return super.loadStateDict(toVim(source), options)
  }
}

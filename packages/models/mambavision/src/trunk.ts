import { MambaVisionMixer } from '@scanline/mambavision-mixer'
import {
  checkImages,
  dropPathSchedule,
  type FeatureInfo,
  fillConstant,
  fillTruncatedNormal,
  Linear,
  type LoadOptions,
  type LoadReport,
  Module,
  type ModuleOptions,
  parameter,
  type StateSource,
  stageIndices,
  withBatchCounters,
} from '@scanline/nn'
import { type Generator, type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { type ResolvedConfig, resolveConfig, type TrunkConfig } from './config.js'
import { toPlain } from './key-layout.js'
import { ConvLevel, TokenLevel } from './level.js'
import { PatchEmbed } from './patch-embed.js'

export interface IntermediatesOptions {
  /** Levels whose outputs are wanted, negative ones counted from the last; or how many of the last. All by default. */
  readonly indices?: number | readonly number[]
  /** Leave out the levels behind the last one wanted. */
  readonly stopEarly?: boolean
  readonly random?: RandomStreams
}

/** Published initialisation of a linear layer: weight normal with std 0.02, bias 0. */
export function initialiseLinear({ weight, bias }: Linear, generator: Generator): void {
  fillTruncatedNormal(weight, generator)
  if (bias) fillConstant(bias, 0)
}

/** Patch embedding and four levels: what the classifier and the dense-prediction backbone share. */
export abstract class Trunk extends Module {
  readonly patchEmbed: PatchEmbed
  readonly levels: (ConvLevel | TokenLevel)[]
  readonly config: ResolvedConfig

  /** Throws `ArgumentError` for a configuration that is none. */
  constructor(config: TrunkConfig, options: ModuleOptions) {
    super()
    const resolved = resolveConfig(config)
    const { dim, inDim, inChans, depths, numHeads, windowSize, mlpRatio, layerScale, layerScaleConv } = resolved
    const { qkvBias, qkNorm, dropRate, attnDropRate, dropPathRate } = resolved
    const dropPaths = dropPathSchedule(depths, dropPathRate)
    this.patchEmbed = new PatchEmbed(inChans, inDim, dim, options)
    this.levels = depths.map((_, i) =>
      i < 2
        ? new ConvLevel(dim * 2 ** i, true, { layerScale: layerScaleConv, dropPaths: dropPaths[i], ...options })
        : new TokenLevel(dim * 2 ** i, i < 3, {
            windowSize: windowSize[i],
            numHeads: numHeads[i],
            mlpRatio,
            qkvBias,
            qkNorm,
            layerScale,
            dropout: dropRate,
            attnDropout: attnDropRate,
            dropPaths: dropPaths[i],
            ...options,
          }),
    )
    this.config = resolved
    const { generator } = options
    if (generator)
      for (const module of this.levels.flatMap((level) => level.modules()))
        if (module instanceof Linear) initialiseLinear(module, generator)
  }

  /** Channels of the last level's output. */
  get numFeatures(): number {
    return this.config.dim * 8
  }
  get featureInfo(): readonly FeatureInfo[] {
    return this.levels.map((_, i) => ({ channels: this.config.dim * 2 ** i, reduction: 2 ** (i + 2) }))
  }

  /** The outputs of chosen levels, [N, H, W, C] before their downsampling and without norm, and that of the last level that ran. */
  forwardIntermediates(
    x: Tensor,
    { indices, stopEarly = false, random }: IntermediatesOptions = {},
  ): { readonly final: Tensor; readonly intermediates: Tensor[] } {
    const { weight, inChannels } = this.patchEmbed.convDown[0]
    checkImages(this.constructor.name, x, { channels: inChannels, dtype: weight.dtype })
    const wanted = stageIndices(indices, this.levels.length)
    const last = stopEarly && wanted.length > 0 ? Math.max(...wanted) : this.levels.length - 1
    return scope(() => {
      const outputs: Tensor[] = []
      let y = this.patchEmbed.forward(x)
      for (const [i, level] of this.levels.slice(0, last + 1).entries()) {
        outputs.push(level.forwardBlocks(y, random))
        if (i < last && level.downsample) y = level.downsample.forward(outputs[i])
      }
      return { final: outputs[last], intermediates: wanted.map((i) => outputs[i].alias()) }
    })
  }

  /**
   * As `Module.loadStateDict`, for a file of any published layout (see `toPlain`). A missing `num_batches_tracked` is 0,
   * and biases of the sequence convolutions, which no published model has, are taken where a file has them.
   */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    const entries = withBatchCounters(toPlain(source), this.stateDict())
    this.addSequenceBiases(new Set(entries.map(([name]) => name)))
    return super.loadStateDict(entries, options)
  }

  private addSequenceBiases(names: ReadonlySet<string>): void {
    for (const [path, mixer] of this.namedModules())
      if (mixer instanceof MambaVisionMixer)
        for (const [name, conv] of mixer.children())
          if (name.startsWith('conv1d_') && names.has(`${path}.${name}.bias`))
            Object.assign(conv, { bias: parameter([mixer.D.size], { device: mixer.D.device, dtype: mixer.D.dtype }) })
  }
}

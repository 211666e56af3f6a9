import {
  BatchNorm2d,
  belowPrefix,
  Conv2d,
  ConvTranspose2d,
  Identity,
  LayerNorm,
  type LoadOptions,
  type LoadReport,
  Module,
  type ModuleOptions,
  type StateSource,
  type StateValue,
  stageIndices,
} from '@scanline/nn'
import { ArgumentError, gelu, maxPool2d, type RandomStreams, scope, slice, type Tensor } from '@scanline/tensor'
import { resolveConfig, type VimConfig } from './config.js'
import { initialise } from './initialise.js'
import { toVim } from './key-layout.js'
import type { Streams } from './layer.js'
import { type ClassTokenRows, patchRows } from './pos-embed.js'
import { VimTrunk } from './trunk.js'

/** What becomes of the last layer's output: nothing, the residual added, or that normalised. */
export type LastLayer = 'none' | 'add' | 'add & norm'

export interface DenseConfig
  extends Omit<VimConfig, 'numClasses' | 'classToken' | 'finalPool' | 'randomClassToken' | 'shuffleTokens'> {
  /** `none` unless told otherwise. */
  readonly lastLayer?: LastLayer
}

/** Twice as many rows and columns, each input in a 2 × 2 block of its own. */
const doubling = (inChannels: number, outChannels: number, options: ModuleOptions): ConvTranspose2d =>
  new ConvTranspose2d(inChannels, outChannels, 2, { stride: 2, ...options })

export interface DenseLoadOptions extends LoadOptions {
  /**
   * Where a classifier's table has its class token. The published loaders take every one for `front` (the default), and
   * so drop the first patch's row of the published models, whose class token is in the `middle`.
   */
  readonly classToken?: ClassTokenRows
}

/** Vim without class token and classifier. */
abstract class VimDense extends VimTrunk {
  readonly lastLayer: LastLayer
  readonly #initialised: boolean

  constructor({ lastLayer = 'none', ...config }: DenseConfig, finalNorm: boolean, options: ModuleOptions) {
    super(resolveConfig({ ...config, classToken: 'none', numClasses: 0 }), finalNorm, options)
    this.lastLayer = lastLayer
    this.#initialised = options.generator !== undefined
    if (options.generator) initialise(this, options.generator)
  }

  /**
   * As `Module.loadStateDict`, for a backbone's own file or a classifier's: of that, head and class tokens are left out, the
   * position table is resized to this grid, and rotary tables are this grid's own. Layers that no classifier has keep what
   * the generator gave them; throws `ArgumentError` without one, and for a table of no square grid.
   */
  override loadStateDict(source: StateSource, { classToken = 'front', ...options }: DenseLoadOptions = {}): Promise<LoadReport> {
    const given = new Map<string, StateValue>(toVim(source))
    const extraTokens = [...given.keys()].filter((name) => /^cls_token(_head|_tail)?$/.test(name)).length
    if (extraTokens === 0 && !given.has('head.weight')) return super.loadStateDict(given, options)
    const own = this.stateDict()
    const entries = new Map([...given].filter(([name]) => own.has(name) || !/^(head\.|cls_token|norm_f\.|rope\.)/.test(name)))
    const table = given.get('pos_embed')
    if (this.posEmbed && table && (extraTokens > 0 || table.shape[1] !== this.patches))
      entries.set(
        'pos_embed',
        patchRows(table, { to: this.grid, extraTokens, classToken: extraTokens > 1 ? 'double' : classToken }),
      )
    for (const [name, tensor] of own) {
      if (name.startsWith('rope.')) entries.set(name, tensor)
      if (!/^fpn\d/.test(name) || entries.has(name)) continue
      if (!this.#initialised)
        throw new ArgumentError(
          `a classifier has no "${name}", which would stay undefined; build the backbone with a generator before its weights are loaded`,
        )
      entries.set(name, tensor)
    }
    return super.loadStateDict(entries, options)
  }
  /** The last layer's tokens as a map [N, h, w, embedDim]. */
  protected lastMap(streams: Streams, random?: RandomStreams): Tensor {
    return scope(() => {
      if (this.lastLayer === 'none') return this.toMap(streams.hidden)
      return this.toMap(this.lastLayer === 'add' ? this.sum(streams, random) : this.normalised(streams, random))
    })
  }
}

export interface SegmentationConfig extends DenseConfig {
  /** Layers whose outputs feed the four levels; of one, all four are made: [5, 11, 17, 23]. */
  readonly outIndices?: readonly number[]
  /** Residual sums instead of the mixers' raw outputs, and for the last layer what `lastLayer` says: false. */
  readonly residualAsFeature?: boolean
}

/** The published segmentation backbone: maps at strides 4, 8, 16 and 32, for patches of 16. */
export class VimSegmentationBackbone extends VimDense {
  readonly fpn1: readonly [ConvTranspose2d, BatchNorm2d, Identity, ConvTranspose2d] | readonly [ConvTranspose2d]
  readonly fpn2: readonly [ConvTranspose2d] | undefined
  readonly outIndices: readonly number[]
  readonly residualAsFeature: boolean

  constructor(
    { outIndices = [5, 11, 17, 23], residualAsFeature = false, ...config }: SegmentationConfig,
    options: ModuleOptions,
  ) {
    super(config, true, options)
    const { embedDim: dim, patchSize } = this.config
    const up = () => doubling(dim, dim, options)
    this.fpn1 = patchSize === 8 ? [up()] : [up(), new BatchNorm2d(dim, options), new Identity(), up()]
    this.fpn2 = patchSize === 8 ? undefined : [up()]
    this.outIndices = stageIndices(outIndices, this.layers.length)
    this.residualAsFeature = residualAsFeature
  }
  /** Images → four maps, finest first. Throws `ShapeError` for another size than `imgSize`. */
  forward(x: Tensor, random?: RandomStreams): Tensor[] {
    return scope(() => {
      const outputs = this.runLayers(this.embed(x, random), random)
      // A residual is taken as the next layer takes it in: with this layer's output, and rotated.
      const maps = this.outIndices.map((i) => {
        if (!this.residualAsFeature) return this.toMap(outputs[i].hidden)
        return i === outputs.length - 1 ? this.lastMap(outputs[i], random) : this.toMap(outputs[i + 1].residual!)
      })
      const [a, b, c, d] = maps.length === 1 ? [maps[0], maps[0], maps[0], maps[0]] : maps
      const pool = (map: Tensor, k: number) => maxPool2d(map, { kernel: k, stride: k })
      if (!this.fpn2) return [this.fpn1[0].forward(a), b.alias(), pool(c, 2), pool(d, 4)]
      return [this.finest(a), this.fpn2[0].forward(b), c.alias(), pool(d, 2)]
    })
  }
  private finest(map: Tensor): Tensor {
    const [up, norm, , again] = this.fpn1
    return norm && again ? again.forward(gelu(norm.forward(up.forward(map)))) : up.forward(map)
  }
}

/** The published detection backbone: one map at the patches' stride, without the last norm. */
export class VimDetectionBackbone extends VimDense {
  constructor(config: DenseConfig, options: ModuleOptions) {
    super(config, false, options)
  }
  /** Images → [N, h, w, embedDim]. Throws `ShapeError` for another size than `imgSize`. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.lastMap(this.runLayers(this.embed(x, random), random).at(-1)!, random))
  }
}

/** A convolution without bias, then a layer norm over the channels. */
class NormedConv extends Conv2d {
  readonly norm: LayerNorm

  constructor(inChannels: number, outChannels: number, kernel: number, options: ModuleOptions) {
    super(inChannels, outChannels, kernel, { padding: (kernel - 1) / 2, bias: false, ...options })
    this.norm = new LayerNorm(outChannels, { eps: 1e-6, ...options })
  }
  override forward(x: Tensor): Tensor {
    return scope(() => this.norm.forward(super.forward(x)))
  }
}

/** The simple feature pyramid of ViTDet (Li et al., arXiv 2203.16527) on Vim's last map: p2 to p6, at strides 4 to 64. */
export class VimFeaturePyramid extends Module {
  readonly simfp_2: readonly [ConvTranspose2d, LayerNorm, Identity, ConvTranspose2d, NormedConv, NormedConv]
  readonly simfp_3: readonly [ConvTranspose2d, NormedConv, NormedConv]
  readonly simfp_4: readonly [NormedConv, NormedConv]
  readonly simfp_5: readonly [Identity, NormedConv, NormedConv]
  readonly net: VimDetectionBackbone

  /** `outChannels` of each level: 256. */
  constructor({ outChannels = 256, ...config }: DenseConfig & { readonly outChannels?: number }, options: ModuleOptions) {
    super()
    const { embedDim: dim = 192 } = config
    const half = dim / 2
    const smooth = (from: number) =>
      [new NormedConv(from, outChannels, 1, options), new NormedConv(outChannels, outChannels, 3, options)] as const
    this.simfp_2 = [
      doubling(dim, half, options),
      new LayerNorm(half, { eps: 1e-6, ...options }),
      new Identity(),
      doubling(half, half / 2, options),
      ...smooth(half / 2),
    ]
    this.simfp_3 = [doubling(dim, half, options), ...smooth(half)]
    this.simfp_4 = smooth(dim)
    this.simfp_5 = [new Identity(), ...smooth(dim)]
    this.net = new VimDetectionBackbone(config, options)
  }
  /** As `Module.loadStateDict`, for a detector's file too, whose other parts are left out. A classifier's goes into `net`. */
  override loadStateDict(source: StateSource, options?: LoadOptions): Promise<LoadReport> {
    return super.loadStateDict(belowPrefix(source, 'net.patch_embed.proj.weight'), options)
  }
  /** Images → p2, p3, p4, p5, p6. */
  forward(x: Tensor, random?: RandomStreams): Tensor[] {
    return scope(() => {
      const map = this.net.forward(x, random)
      const [up, norm, , again, ...smooth2] = this.simfp_2
      const [up3, ...smooth3] = this.simfp_3
      const [, ...smooth5] = this.simfp_5
      const smoothed = (y: Tensor, [first, second]: readonly [NormedConv, NormedConv]) => second.forward(first.forward(y))
      const p5 = smoothed(maxPool2d(map, { kernel: 2, stride: 2 }), smooth5)
      return [
        smoothed(again.forward(gelu(norm.forward(up.forward(map)))), smooth2),
        smoothed(up3.forward(map), smooth3),
        smoothed(map, this.simfp_4),
        p5,
        slice(slice(p5, 1, 0, p5.shape[1], 2), 2, 0, p5.shape[2], 2),
      ]
    })
  }
}

import { checkImages, Dropout, DropPath, dropPathSchedule, Linear, Module, type ModuleOptions, parameter } from '@scanline/nn'
import {
  ArgumentError,
  add,
  broadcastTo,
  concat,
  flip,
  less,
  matmul,
  type RandomStreams,
  reshape,
  ShapeError,
  scope,
  split,
  type Tensor,
  transpose,
  where,
} from '@scanline/tensor'
import { classTokens, gridOf, type ResolvedConfig } from './config.js'
import { addResidual, createNorm, type Norm, normOf, type Streams, VimLayer } from './layer.js'
import { PatchEmbed } from './patch-embed.js'
import { VisionRotaryEmbedding } from './rope.js'
import { orderMatrix, scatteredClassRanks, shuffledRanks } from './token-order.js'

/** Tokens for the layers. */
export type Arranged = {
  readonly tokens: Tensor
  /** What they were brought out of order with, in training mode: `orderMatrix`, the first one first. */
  readonly orders: Tensor[]
}

/** Patches and layers of Vim: what the classifier and the dense backbones share, in the order of the published state dict. */
export abstract class VimTrunk extends Module {
  clsToken: Tensor | undefined
  clsTokenHead: Tensor | undefined
  clsTokenTail: Tensor | undefined
  posEmbed: Tensor | undefined
  readonly patchEmbed: PatchEmbed
  readonly rope: VisionRotaryEmbedding | undefined
  head: Linear | undefined
  readonly layers: VimLayer[]
  readonly normF: Norm | undefined
  readonly dropout: Dropout | undefined
  readonly dropPath: DropPath | undefined
  readonly config: ResolvedConfig
  /** Patches in a column and in a row. */
  readonly grid: readonly [number, number]

  constructor(config: ResolvedConfig, finalNorm: boolean, { device, dtype }: ModuleOptions) {
    super()
    const { embedDim: dim, inChans, patchSize, stride, depth, numClasses, classToken, dropRate, dropPathRate } = config
    const options = { device, ...(dtype && { dtype }) }
    const token = () => parameter([1, 1, dim], options)
    const double = classToken === 'double'
    this.grid = gridOf(config)
    const tokens = this.patches + classTokens[classToken]
    this.clsToken = classToken === 'middle' || classToken === 'front' ? token() : undefined
    this.clsTokenHead = double ? token() : undefined
    this.clsTokenTail = double ? token() : undefined
    this.posEmbed = config.absPosEmbed ? parameter([1, tokens, dim], options) : undefined
    this.patchEmbed = new PatchEmbed(inChans, dim, { patchSize, stride, ...options })
    this.rope = config.rope ? new VisionRotaryEmbedding(dim / 2, this.grid[0], config.ptSeqLen, options) : undefined
    this.head = numClasses > 0 ? new Linear(dim, numClasses, options) : undefined
    const [rates] = dropPathSchedule([depth], dropPathRate)
    this.layers = rates.map((_, i) => {
      const { mixer: kind, layerScale, divideOut, stateDim, rmsNorm, normEps } = config
      const scale = layerScale === undefined ? {} : { layerScale }
      // A layer's rate belongs to its output, which is added at the entry of the next one.
      return new VimLayer(dim, { kind, divideOut, stateDim, rmsNorm, normEps, dropPath: rates[i - 1] ?? 0, ...scale, ...options })
    })
    this.normF = finalNorm ? createNorm(dim, config, options) : undefined
    this.dropout = dropRate > 0 ? new Dropout(dropRate) : undefined
    this.dropPath = dropPathRate > 0 ? new DropPath(dropPathRate) : undefined
    this.config = config
  }

  /** Tokens that are patches. */
  get patches(): number {
    return this.grid[0] * this.grid[1]
  }

  /** Images [N, H, W, C] → tokens with class tokens and positions. Throws `ShapeError`, `DTypeError`. */
  embed(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.arrange(x, random).tokens)
  }

  /** `embed`, and how to bring the tokens back into their order (`restore`). */
  protected arrange(x: Tensor, random?: RandomStreams): Arranged {
    this.checkSize(x)
    const { randomClassToken, shuffleTokens } = this.config
    return scope(() => {
      const orders: Tensor[] = []
      const reorder = (tokens: Tensor, wanted: boolean, ranks: (random: RandomStreams) => Tensor): Tensor => {
        if (!wanted || !this.training) return tokens
        orders.push(orderMatrix(ranks(needed(random, 'a random order of tokens')), tokens))
        return matmul(orders[orders.length - 1], tokens)
      }
      const first = this.withClassTokens(this.patchEmbed.forward(x))
      // Positions belong to places in the sequence, so a class token has the position of where it was put.
      const tokens = reorder(first, randomClassToken, (streams) => scatteredClassRanks(this.patches, streams))
      const placed = this.posEmbed ? add(tokens, this.posEmbed) : tokens
      const dropped = this.dropout ? this.dropout.forward(placed, random) : placed
      return { tokens: reorder(dropped, shuffleTokens, (streams) => shuffledRanks(dropped.shape[1], streams)), orders }
    })
  }
  /** Tokens behind the layers in the order that they have without shuffling. */
  protected restore(tokens: Tensor, orders: readonly Tensor[]): Tensor {
    return orders.reduceRight((y, order) => matmul(transpose(order), y), tokens)
  }

  private checkSize(x: Tensor): void {
    const { inChannels, weight } = this.patchEmbed.proj
    checkImages('Vim', x, { channels: inChannels, dtype: weight.dtype })
    const [height, width] = this.config.imgSize
    if (x.shape[1] !== height || x.shape[2] !== width)
      throw new ShapeError(
        `this Vim was built for images of ${height} × ${width}, as its position table has one row for each patch, got ${x}; resize the image, or build the model with imgSize [${x.shape[1]}, ${x.shape[2]}] and load the weights through resizePosEmbed`,
      )
  }

  private withClassTokens(patches: Tensor): Tensor {
    const [n, count, dim] = patches.shape
    const repeated = (token: Tensor) => broadcastTo(token, [n, 1, dim])
    if (this.clsTokenHead && this.clsTokenTail)
      return concat([repeated(this.clsTokenHead), patches, repeated(this.clsTokenTail)], 1)
    if (!this.clsToken) return patches
    const at = this.classIndex(count)
    if (at === 0) return concat([repeated(this.clsToken), patches], 1)
    const [before, after] = split(patches, [at, count - at], 1)
    return concat([before, repeated(this.clsToken), after], 1)
  }

  /** Where the single class token is. */
  protected classIndex(patches: number): number {
    return this.config.classToken === 'middle' ? Math.floor(patches / 2) : 0
  }

  /** What each of the first `count` layers gives (each second one for layer pairs), for tokens as `embed` makes them. */
  runLayers(tokens: Tensor, random?: RandomStreams, count = this.layers.length): Required<Streams>[] {
    const { layerPairs, ropeResidual } = this.config
    return scope(() => {
      const turn = this.turning(tokens, random)
      const rotate = (x: Tensor): Tensor => (this.rope ? turn(this.rope.forward(turn(x))) : x)
      const outputs: Required<Streams>[] = []
      let streams: Streams = { hidden: turn(tokens), residual: undefined }
      for (let i = 0; i < count; i += layerPairs ? 2 : 1) {
        const { hidden, residual } = streams
        const input = { hidden: rotate(hidden), residual: residual && ropeResidual ? rotate(residual) : residual }
        streams = layerPairs ? this.runPair(i, input, random) : this.layers[i].forward(input, random)
        outputs.push(streams as Required<Streams>)
      }
      return outputs
    })
  }

  private runPair(i: number, { hidden, residual }: Streams, random?: RandomStreams): Streams {
    const reverse = (x: Tensor) => flip(x, [1])
    const forward = this.layers[i].forward({ hidden, residual }, random)
    const reversed = { hidden: reverse(hidden), residual: residual && reverse(residual) }
    const backward = this.layers[i + 1].forward(reversed, random)
    return {
      hidden: add(forward.hidden, reverse(backward.hidden)),
      residual: add(forward.residual, reverse(backward.residual)),
    }
  }

  /** Reverses sequences or not, one draw for the whole pass; doing it twice changes nothing. */
  private turning(tokens: Tensor, random?: RandomStreams): (x: Tensor) => Tensor {
    const { flipRatio } = this.config
    if (flipRatio >= 1) return (x) => flip(x, [1])
    if (flipRatio <= 0 || !this.training) return (x) => x
    const turned = less(needed(random, 'reversing sequences at random').uniform(tokens.shape.map(() => 1)), flipRatio)
    return (x) => where(turned, flip(x, [1]), x)
  }

  /** residual + drop path(hidden), as it enters the last norm. */
  protected sum({ hidden, residual }: Streams, random?: RandomStreams): Tensor {
    return addResidual({ hidden: this.dropPath ? this.dropPath.forward(hidden, random) : hidden, residual })
  }

  /** The last norm of that sum. Throws `ArgumentError` for a backbone without. */
  protected normalised(streams: Streams, random?: RandomStreams): Tensor {
    if (!this.normF)
      throw new ArgumentError('this backbone has no last norm, as the published one deletes it; use "add" or "none"')
    return normOf(this.normF, this.sum(streams, random))
  }

  /** Tokens without class tokens → a map [N, h, w, C]. */
  protected toMap(tokens: Tensor): Tensor {
    return scope(() => tokensToMap(this.withoutClassTokens(tokens), this.grid))
  }

  private withoutClassTokens(tokens: Tensor): Tensor {
    const { classToken } = this.config
    if (classToken === 'none') return tokens
    if (classToken === 'double') return split(tokens, [1, this.patches, 1], 1)[1]
    const at = this.classIndex(this.patches)
    const [before, , after] = split(tokens, [at, 1, this.patches - at], 1)
    return at === 0 ? after : concat([before, after], 1)
  }
}

function needed(random: RandomStreams | undefined, what: string): RandomStreams {
  if (random) return random
  throw new ArgumentError(
    `${what} needs random numbers: pass forward(x, new RandomStreams(generator.key(device))), or call eval()`,
  )
}

function tokensToMap(tokens: Tensor, [h, w]: readonly [number, number]): Tensor {
  const [n, , channels] = tokens.shape
  return reshape(tokens, [n, h, w, channels])
}

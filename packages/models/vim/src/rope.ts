import { Module, type ModuleOptions, parameter } from '@scanline/nn'
import { add, concat, mul, neg, reshape, ShapeError, scope, split, type Tensor } from '@scanline/tensor'

const f32 = Math.fround

/**
 * Rotary tables of a square grid. Token (a, b) has the angles a/s · 14 · f for rows, then b/s · 14 · f for columns, each
 * twice, with f = 10000^(-2k/d) for k = 0 … d/2 - 1. The tables are saved with the model and never trained.
 */
export class VisionRotaryEmbedding extends Module {
  freqsCos: Tensor
  freqsSin: Tensor

  /** `dim` d is half of a token's channels; `side` s that of the grid; `ptSeqLen` the side that positions are scaled to. */
  constructor(dim: number, side: number, ptSeqLen: number, options: ModuleOptions) {
    super()
    const shape = [side * side, 2 * dim]
    this.freqsCos = parameter(shape, options)
    this.freqsSin = parameter(shape, options)
    const angles = tableAngles(dim, side, ptSeqLen)
    this.freqsCos.write(angles.map((angle) => Math.cos(angle)))
    this.freqsSin.write(angles.map((angle) => Math.sin(angle)))
  }
  protected override get bufferNames(): readonly string[] {
    return ['freqsCos', 'freqsSin']
  }

  /** Rotates tokens [N, L, 2d]. Of an odd number of tokens the first is left alone. Throws `ShapeError`. */
  forward(tokens: Tensor): Tensor {
    const [, length, channels] = tokens.shape
    const [rows, width] = this.freqsCos.shape
    if (tokens.rank !== 3 || length - (length % 2) !== rows || channels !== width)
      throw new ShapeError(`rotary tables [${rows}, ${width}] do not fit tokens ${tokens}`)
    return scope(() => {
      if (length % 2 === 0) return this.rotate(tokens)
      const [first, rest] = split(tokens, [1, length - 1], 1)
      return concat([first, this.rotate(rest)], 1)
    })
  }

  private rotate(x: Tensor): Tensor {
    const [n, length, channels] = x.shape
    const pairs = reshape(x, [n, length, channels / 2, 2])
    const [even, odd] = split(pairs, [1, 1])
    const turned = reshape(concat([neg(odd), even]), x.shape)
    return add(mul(x, this.freqsCos), mul(turned, this.freqsSin))
  }
}

/** In steps of float32, as the published tables were made. */
function tableAngles(dim: number, side: number, ptSeqLen: number): Float32Array {
  const rates = Array.from({ length: dim / 2 }, (_, k) => f32(1 / f32(10000 ** f32((2 * k) / dim))))
  const positions = Array.from({ length: side }, (_, i) => f32(f32(i / side) * ptSeqLen))
  const of = (position: number) => rates.flatMap((rate) => [f32(position * rate), f32(position * rate)])
  return Float32Array.from(positions.flatMap((row) => positions.flatMap((column) => [...of(row), ...of(column)])))
}

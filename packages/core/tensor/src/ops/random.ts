import { apply1 } from '../dispatch.js'
import { ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { formatShape, type Shape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { threefry2x32, toUnit } from '../threefry.js'

/** Elements 2i and 2i+1 are the two words of Threefry at counter (i, stream), as floats in [0, 1). */
export const uniformOp: Op<{ readonly shape: Shape; readonly stream: number }> = {
  name: 'uniform',
  infer: ([key], { shape }) => {
    if (key.dtype !== 'i32' || sizeOf(key.shape) !== 2)
      throw new ShapeError(
        `uniform needs a key of type i32 and shape [2], got ${key.dtype}${formatShape(key.shape)}; take it from Generator.key()`,
      )
    return [{ shape, dtype: 'f32' }]
  },
  vjp: () => [undefined],
  reference: ([key], { shape, stream }) => {
    const out = new Float64Array(sizeOf(shape))
    for (let i = 0; i < out.length; i += 2) {
      const [a, b] = threefry2x32(key.data[0], key.data[1], i / 2, stream)
      out[i] = toUnit(a)
      if (i + 1 < out.length) out[i + 1] = toUnit(b)
    }
    return [out]
  },
  flops: (_, [out]) => sizeOf(out.shape),
}

/** f32 numbers in [0, 1), the same on every device for the same key (`Generator.key()`) and stream number. */
export const uniform = (key: Tensor, shape: Shape, stream = 0): Tensor => apply1(uniformOp, [key], { shape, stream })

/**
 * The random numbers of one forward pass in training mode: every layer that asks gets a stream of its own, all from one
 * key. The key is a tensor, so a compiled step takes a new one on every run.
 */
export class RandomStreams {
  readonly key: Tensor
  #next = 0

  constructor(key: Tensor) {
    this.key = key
  }
  uniform(shape: Shape): Tensor {
    return uniform(this.key, shape, this.#next++)
  }
  /** Streams handed out so far. */
  get position(): number {
    return this.#next
  }
  /** Runs `body` with the streams from `position` on once more: for a forward pass that is computed again. */
  replay<T>(position: number, body: () => T): T {
    const before = this.#next
    this.#next = position
    try {
      return body()
    } finally {
      this.#next = before
    }
  }
}

import { ShapeError } from '../errors.js'
import { formatShape, type Shape } from '../shape.js'

/** How a kernel slides over height and width: what convolution, pooling and unfold share. */
export type WindowAttrs = {
  readonly stride: readonly [number, number]
  /** Top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number]
  readonly dilation: readonly [number, number]
}

export interface WindowOptions {
  /** One number for both axes, or [height, width]. 1 by default. */
  readonly stride?: number | readonly [number, number]
  /** Zeros around the input: one number, [height, width], or [top, bottom, left, right]. 0 by default. */
  readonly padding?: number | readonly [number, number] | readonly [number, number, number, number]
  /** Distance between neighbouring taps. 1 by default. */
  readonly dilation?: number | readonly [number, number]
}

const pair = (v: number | readonly [number, number]): [number, number] => (typeof v === 'number' ? [v, v] : [v[0], v[1]])

/** Options spelled out. Throws `ShapeError` for values that are no whole numbers in range. */
export function windowAttrs({ stride = 1, padding = 0, dilation = 1 }: WindowOptions): WindowAttrs {
  const sides =
    typeof padding === 'number'
      ? [padding, padding, padding, padding]
      : padding.length === 2
        ? [padding[0], padding[0], padding[1], padding[1]]
        : padding
  const attrs = { stride: pair(stride), padding: sides as [number, number, number, number], dilation: pair(dilation) }
  const whole = (low: number) => (n: number) => Number.isInteger(n) && n >= low
  if (![...attrs.stride, ...attrs.dilation].every(whole(1)) || !attrs.padding.every(whole(0))) {
    throw new ShapeError(
      `stride and dilation must be whole numbers from 1, padding from 0; got stride ${attrs.stride}, padding ${attrs.padding}, dilation ${attrs.dilation}`,
    )
  }
  return attrs
}

/** Height and width that a kernel [kh, kw] leaves of an input [N, H, W, C]. Throws `ShapeError` where nothing is left. */
export function windowShape(
  op: string,
  x: Shape,
  [kh, kw]: readonly [number, number],
  { stride, padding, dilation }: WindowAttrs,
): [number, number] {
  if (x.length !== 4) throw new ShapeError(`${op} needs an input [N, H, W, C], got ${formatShape(x)}`)
  const length = (n: number, k: number, before: number, after: number, s: number, d: number) =>
    Math.floor((n + before + after - d * (k - 1) - 1) / s) + 1
  const h = length(x[1], kh, padding[0], padding[1], stride[0], dilation[0])
  const w = length(x[2], kw, padding[2], padding[3], stride[1], dilation[1])
  if (h < 1 || w < 1)
    throw new ShapeError(
      `${op}: a ${kh}×${kw} kernel does not fit an input of height ${x[1]} and width ${x[2]} with padding ${formatShape(padding)}`,
    )
  return [h, w]
}

/** Calls `visit(outRow, tap, inRow)` for every tap of every output position along one axis that falls inside. */
export function eachTap(
  length: number,
  out: number,
  taps: number,
  before: number,
  stride: number,
  dilation: number,
  visit: (o: number, tap: number, i: number) => void,
): void {
  for (let o = 0; o < out; o++) {
    for (let tap = 0; tap < taps; tap++) {
      const i = o * stride - before + tap * dilation
      if (i >= 0 && i < length) visit(o, tap, i)
    }
  }
}

import type { OpCall, Refusal } from '@scanline/tensor'
import { type FunctionBuilder, i32, type Local, type Value, v128 } from './assembler/index.js'
import { type KernelBuilder, type LaunchOf, type Split, split } from './kernel.js'
import { element } from './layout.js'
import { refuseTypes } from './refuse.js'
import { coordinates, slidingAxes, type TapRange, tapsInside } from './taps.js'
import { eachGroup } from './vectors.js'
import { type Window, windowOf } from './window.js'

type Vector = Value<'v128'>

export interface PoolParams extends Split {
  readonly window: Window
}

/** The launch of a pooling kernel: an item is one output pixel. */
export function selectPool<P>(kernel: string, call: OpCall, more: P): LaunchOf<PoolParams & P> | Refusal {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const size = call.attrs.kernel as readonly [number, number]
  const { window, prepare } = windowOf(call, size)
  const { images, outHeight, outWidth, channels } = window
  const items = channels === 0 ? 0 : images * outHeight * outWidth
  const cost = 30 + Math.ceil(channels / 4) * size[0] * size[1] * 2
  return { kernel, params: { ...split(items, cost), window, ...more }, ...(prepare.length > 0 && { prepare }) }
}

/** Combines each window, channel by channel; `finish` makes the output of the result and the taps that were inside. */
export function emitPool(
  k: KernelBuilder,
  window: Window,
  identity: Vector,
  combine: (a: Vector, b: Vector) => Vector,
  finish: (f: FunctionBuilder, x: Vector, rows: TapRange, columns: TapRange) => Vector,
) {
  const { images, height, width, channels, outHeight, outWidth, imageStride, rowStride, pixelStride, dilation } = window
  const [vertical, horizontal] = slidingAxes(window, [height, width], [outHeight, outWidth])
  return k.define(2, (f, [input, output], { begin, end }) =>
    f.for(begin, end, 1, (item) => {
      const [image, y, x] = coordinates(f, item, [images, outHeight, outWidth])
      const rows = tapsInside(f, y, vertical)
      const columns = tapsInside(f, x, horizontal)
      const source = f.let(element(input, i32.mul(image, imageStride), 4))
      const target = f.let(element(output, item, 4 * channels))
      eachGroup(f, channels, (channel, lanes) => {
        const results = lanes.map(() => f.let(identity))
        eachPixelInside(f, source, rows, columns, { rowStride, pixelStride, dilation }, (pixel) => {
          const at = f.let(i32.add(pixel, i32.mul(channel, 4)))
          results.forEach((result, v) => {
            f.set(result, combine(result, v128.load(at, 16 * v)))
          })
        })
        const at = f.let(i32.add(target, i32.mul(channel, 4)))
        results.forEach((result, v) => {
          f.store.lanes(at, finish(f, result, rows, columns), lanes[v], 16 * v)
        })
      })
    }),
  )
}

/** Visits the address of every pixel of a window that lies inside the image at `source`, row by row. */
export function eachPixelInside(
  f: FunctionBuilder,
  source: Local<'i32'>,
  rows: TapRange,
  columns: TapRange,
  { rowStride, pixelStride, dilation }: Pick<Window, 'rowStride' | 'pixelStride' | 'dilation'>,
  visit: (pixel: Local<'i32'>) => void,
): void {
  f.for(rows.first, rows.end, 1, (ky) => {
    const row = f.let(element(source, i32.add(rows.origin, i32.mul(ky, dilation[0])), 4 * rowStride))
    f.for(columns.first, columns.end, 1, (kx) =>
      visit(f.let(element(row, i32.add(columns.origin, i32.mul(kx, dilation[1])), 4 * pixelStride))),
    )
  })
}

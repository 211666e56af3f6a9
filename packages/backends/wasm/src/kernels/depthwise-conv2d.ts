import { type Expr, type OpCall, sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, i32, type Local, maxS, minS, minU, v128 } from '../assembler/index.js'
import { exprCost } from '../emit-expr.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { type ExtraStrides, storeTile, type Target } from '../tile-store.js'
import { extraRows, type Window, windowOf } from '../window.js'
import { copyLaunch } from './copy.js'

interface DepthwiseParams extends Split {
  readonly window: Window
  readonly extras: readonly ExtraStrides[]
  readonly epilogue?: Expr
  /** Channels that an item covers, of one output row. */
  readonly block: number
  /** Output pixels of a row that are summed together. */
  readonly pixels: number
}

/** Taps of a row whose weights are held in registers together; with 8 sums and an input that makes 13 of 16. */
const heldTaps = 4

/**
 * One filter a channel, four channels a vector, several pixels of an output row at a time: each input pixel is read once
 * for all taps in hand. Which taps fall outside the image to the left and right is known when the code is written.
 */
export const depthwiseConv2d = defineKernel<DepthwiseParams>({
  name: 'depthwiseConv2d',
  op: 'depthwiseConv2d',
  select(call: OpCall) {
    const w = call.inputs[1]
    const other = call.inputs.find((t) => t.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const [channels, , kh, kw] = w.shape
    const { window, prepare } = windowOf(call, [kh, kw])
    const tapsFirst = { shape: [kh, kw, channels], dtype: w.dtype, strides: [w.strides[2], w.strides[3], w.strides[0]] }
    const rest = extraRows(call.inputs.slice(2), 2)
    const epilogue = call.attrs.epilogue as Expr | undefined
    const blocks = Math.max(1, Math.ceil(channels / 64))
    const block = Math.max(4, Math.ceil(channels / blocks / 4) * 4)
    const items = sizeOf([window.images, window.outHeight]) * Math.ceil(channels / block)
    const segments = Math.max(1, Math.ceil(window.outWidth / 8))
    const pixels = Math.ceil(window.outWidth / segments)
    const cost = (window.outWidth * block * (2 * kh * kw + (epilogue ? exprCost(epilogue) : 0))) / 4
    return {
      kernel: 'depthwiseConv2d',
      params: {
        ...split(window.outWidth * channels === 0 ? 0 : items, cost),
        window,
        extras: rest.extras,
        epilogue,
        block,
        pixels,
      },
      prepare: [...prepare, { input: 1, launch: copyLaunch(tapsFirst), bytes: 4 * sizeOf(w.shape) }, ...rest.prepare],
    }
  },
  emit: (k, { window, extras, epilogue, block, pixels }) =>
    k.define(3 + extras.length, (f, pointers, { begin, end }) => {
      const { images, height, channels, outHeight, outWidth, stride, padding, dilation, kernel } = window
      const target = {
        out: pointers[2 + extras.length],
        columns: channels,
        epilogue,
        extras: extras.map((e, i) => ({ ...e, pointer: pointers[2 + i] })),
      }
      f.for(begin, end, 1, (item) => {
        // Rows of one block of channels follow each other, so that they find their input in cache.
        const group = f.let(i32.div_u(item, images * outHeight))
        const line = f.let(i32.sub(item, i32.mul(group, images * outHeight)))
        const image = f.let(i32.div_u(line, outHeight))
        const top = f.let(i32.sub(i32.mul(i32.sub(line, i32.mul(image, outHeight)), stride[0]), padding[0]))
        // Taps from the first to the last that meet the image.
        const above = f.let(i32.div_s(i32.sub(dilation[0] - 1, top), dilation[0]))
        const below = f.let(i32.div_s(i32.sub(height + dilation[0] - 1, top), dilation[0]))
        const firstTap = f.let(maxS(above, 0))
        const lastTap = f.let(maxS(minS(below, kernel[0]), firstTap))
        const inputRow = f.let(
          i32.add(
            pointers[0],
            i32.mul(image, 4 * window.imageStride),
            i32.mul(i32.add(top, i32.mul(firstTap, dilation[0])), 4 * window.rowStride),
          ),
        )
        const weights = f.let(element(pointers[1], firstTap, 4 * kernel[1] * channels))
        const weightsEnd = f.let(element(pointers[1], lastTap, 4 * kernel[1] * channels))
        const firstChannel = f.let(i32.mul(group, block))
        const channelEnd = f.let(minU(i32.add(firstChannel, block), channels))
        const row: Row = { inputRow, weights, weightsEnd, firstChannel, channelEnd, target }
        for (const { x, count, repeat } of segments(window, pixels)) {
          const start = f.let(i32.mul(line, outWidth))
          f.for(x, x + count * repeat, count, (ox) => emitSegment(k, f, window, row, x, ox, f.let(i32.add(start, ox)), count))
        }
      })
    }),
})

interface Segment {
  /** First output column, how many, and how many times in a row the same code serves. */
  readonly x: number
  readonly count: number
  readonly repeat: number
}

/** An output row cut into segments; neighbours that see the whole kernel share their code. */
function segments(window: Window, pixels: number): Segment[] {
  const cut: Segment[] = []
  for (let x = 0; x < window.outWidth; x += pixels) {
    const count = Math.min(pixels, window.outWidth - x)
    const previous = cut.at(-1)
    if (previous && previous.count === count && isInner(window, previous) && isInner(window, { x, count })) {
      cut[cut.length - 1] = { ...previous, repeat: previous.repeat + 1 }
    } else cut.push({ x, count, repeat: 1 })
  }
  return cut
}

/** The input column under tap `tap` of output column `x`. */
const columnOf = ({ stride, dilation, padding }: Window, x: number, tap: number) => x * stride[1] + tap * dilation[1] - padding[2]

const isInner = (w: Window, { x, count }: Pick<Segment, 'x' | 'count'>) =>
  columnOf(w, x, 0) >= 0 && columnOf(w, x + count - 1, w.kernel[1] - 1) < w.width

interface Row {
  readonly inputRow: Local<'i32'>
  readonly weights: Local<'i32'>
  readonly weightsEnd: Local<'i32'>
  readonly firstChannel: Local<'i32'>
  readonly channelEnd: Local<'i32'>
  readonly target: Target
}

/** `count` pixels from output column `ox`, for which the taps that meet the image are those of column `x`. */
function emitSegment(
  k: KernelBuilder,
  f: FunctionBuilder,
  w: Window,
  row: Row,
  x: number,
  ox: Local<'i32'>,
  pixel: Local<'i32'>,
  count: number,
): void {
  const taps = Array.from({ length: w.kernel[1] }, (_, tap) => tap)
  const inside = (p: number, tap: number) => columnOf(w, x + p, tap) >= 0 && columnOf(w, x + p, tap) < w.width
  // Offsets in instructions are unsigned: they count from the leftmost column that is read.
  const origin = Math.max(0, columnOf(w, x, 0))
  const shift = f.let(i32.mul(i32.sub(ox, x), 4 * w.pixelStride * w.stride[1]))
  f.for(row.firstChannel, row.channelEnd, 4, (channel) => {
    const sums = Array.from({ length: count }, () => f.let(f32x4.const(0)))
    const input = f.let(i32.add(row.inputRow, shift, i32.mul(channel, 4), 4 * w.pixelStride * origin))
    const weight = f.let(i32.add(row.weights, i32.mul(channel, 4)))
    const end = f.let(i32.add(row.weightsEnd, i32.mul(channel, 4)))
    f.for(weight, end, 4 * w.kernel[1] * w.channels, (at) => {
      for (let first = 0; first < taps.length; first += heldTaps) {
        const group = taps.slice(first, first + heldTaps).filter((tap) => sums.some((_, p) => inside(p, tap)))
        const held = group.map((tap) => f.let(v128.load(at, 4 * tap * w.channels)))
        const columns = new Set(group.flatMap((tap) => sums.flatMap((_, p) => (inside(p, tap) ? [columnOf(w, x + p, tap)] : []))))
        for (const column of [...columns].sort((a, b) => a - b)) {
          const value = f.let(v128.load(input, 4 * w.pixelStride * (column - origin)))
          sums.forEach((sum, p) => {
            group.forEach((tap, i) => {
              if (columnOf(w, x + p, tap) === column) f.set(sum, k.madd(value, held[i], sum))
            })
          })
        }
      }
      f.set(input, i32.add(input, 4 * w.rowStride * w.dilation[0]))
    })
    storeTile(
      k,
      f,
      row.target,
      pixel,
      channel,
      sums.map((sum) => [sum]),
    )
  })
}

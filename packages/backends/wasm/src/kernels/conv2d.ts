import { type Expr, type OpCall, sizeOf, type TensorSpec } from '@scanline/tensor'
import { type FunctionBuilder, f32, i32, type Local, minU, v128 } from '../assembler/index.js'
import { exprCost } from '../emit-expr.js'
import { emitStrip, paddedColumns, panelColumns, type TileShape, tileFor } from '../gemm.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { type ExtraStrides, storeTile } from '../tile-store.js'
import { extraRows, type Window, windowOf } from '../window.js'
import { matmul } from './matmul.js'
import { packLaunch } from './pack-matrix.js'

interface Conv2dParams extends Split {
  readonly window: Window
  readonly columns: number
  readonly extras: readonly ExtraStrides[]
  readonly epilogue?: Expr
  readonly tile: TileShape
  /** Output pixels whose patches are gathered at a time. An item is one such block. */
  readonly block: number
}

/** Bytes of one thread's patches; copies write up to a vector past a row. */
const patchBytes = (block: number, depth: number) => Math.ceil((4 * block * depth + 16) / 64) * 64

/**
 * Dense convolution as a matrix product: the patches of a block of output pixels are gathered into the thread's own
 * scratch memory, small enough to stay in cache, and multiplied with the packed weight.
 */
export const conv2d = defineKernel<Conv2dParams>({
  name: 'conv2d',
  op: 'conv2d',
  select(call: OpCall, capabilities) {
    const [x, w] = call.inputs
    const other = call.inputs.find((t) => t.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const [columns, channels, kh, kw] = w.shape
    const { window, prepare } = windowOf(call, [kh, kw])
    if (kh * kw === 1 && [...window.stride, ...window.padding].join() === '1,1,0,0,0,0')
      return matmul.select!(pointwise(call, x, w), capabilities)
    const pixels = sizeOf(call.outputs[0].shape.slice(0, -1))
    const tile = tileFor(pixels)
    const depth = kh * kw * channels
    const [toFilter, toChannel, toRow, toColumn] = w.strides
    const packed = packLaunch(
      {
        dims: [],
        strides: [],
        rowDims: [kh, kw, channels],
        rowStrides: [toRow, toColumn, toChannel],
        columns,
        columnStride: toFilter,
      },
      tile,
    )
    const rest = extraRows(call.inputs.slice(2), 2)
    const epilogue = call.attrs.epilogue as Expr | undefined
    const block = patchBlock(pixels, depth, tile, capabilities.threads)
    const cost = (block * columns * (2 * depth + (epilogue ? exprCost(epilogue) : 0))) / 4
    return {
      kernel: 'conv2d',
      params: { ...split(Math.ceil(pixels / block), cost), window, columns, extras: rest.extras, epilogue, tile, block },
      prepare: [...prepare, { input: 1, ...packed }, ...rest.prepare],
      scratch: capabilities.threads * patchBytes(block, depth),
    }
  },
  emit: (k, { window, columns, extras, epilogue, tile, block }) =>
    k.define(4 + extras.length, (f, pointers, { begin, end, thread }) => {
      const depth = window.kernel[0] * window.kernel[1] * window.channels
      const pixels = window.images * window.outHeight * window.outWidth
      const [out, scratch] = pointers.slice(-2)
      const sources = extras.map((e, i) => ({ ...e, pointer: pointers[2 + i] }))
      const patches = f.let(element(scratch, thread, patchBytes(block, depth)))
      f.for(begin, end, 1, (item) => {
        const first = f.let(i32.mul(item, block))
        const stop = f.let(minU(i32.add(first, block), pixels))
        gather(f, window, pointers[0], patches, first, stop)
        f.for(0, paddedColumns(columns, tile), panelColumns * tile.panels, (column) => {
          emitStrip(k, f, {
            tile,
            depth,
            a: (row) => element(patches, i32.sub(row, first), 4 * depth),
            rowBytes: 4 * depth,
            b: f.let(i32.add(pointers[1], i32.mul(column, 4 * depth))),
            begin: first,
            end: stop,
            totalRows: pixels,
            store: (row, sums) => storeTile(k, f, { out, columns, epilogue, extras: sources }, row, column, sums),
          })
        })
      })
    }),
})

/** A 1×1 convolution as a product of every pixel with the weight. */
function pointwise(call: OpCall, x: TensorSpec, w: TensorSpec): OpCall {
  const b = {
    shape: [...x.shape.slice(0, 2), w.shape[1], w.shape[0]],
    dtype: w.dtype,
    strides: [0, 0, w.strides[1], w.strides[0]],
  }
  return { ...call, op: 'matmul', inputs: [x, b, ...call.inputs.slice(2)], attrs: { epilogue: call.attrs.epilogue } }
}

/** Pixels to a block: patches in half a megabyte, and equally many blocks for every thread. */
function patchBlock(pixels: number, depth: number, tile: TileShape, threads: number): number {
  const fitting = Math.max(tile.rows, Math.floor(131072 / depth))
  const blocks = Math.ceil(Math.max(1, pixels) / fitting / threads) * threads
  return Math.max(tile.rows, Math.ceil(pixels / blocks / tile.rows) * tile.rows)
}

/** Writes the patches of output pixels `first` … `stop` one after the other, taps row by row, zeros outside the image. */
function gather(
  f: FunctionBuilder,
  w: Window,
  x: Local<'i32'>,
  patches: Local<'i32'>,
  first: Local<'i32'>,
  stop: Local<'i32'>,
): void {
  const [kh, kw] = w.kernel
  const line = f.let(i32.div_u(first, w.outWidth))
  const ox = f.let(i32.sub(first, i32.mul(line, w.outWidth)))
  const image = f.let(i32.div_u(line, w.outHeight))
  const oy = f.let(i32.sub(line, i32.mul(image, w.outHeight)))
  const to = f.let<'i32'>(patches)
  f.for(first, stop, 1, () => {
    const left = f.let(i32.sub(i32.mul(ox, w.stride[1]), w.padding[2]))
    const iy = f.let(i32.sub(i32.mul(oy, w.stride[0]), w.padding[0]))
    f.for(0, kh, 1, () => {
      const from = f.let(
        i32.add(x, i32.mul(image, 4 * w.imageStride), i32.mul(iy, 4 * w.rowStride), i32.mul(left, 4 * w.pixelStride)),
      )
      const inside = i32.lt_u(iy, w.height)
      const taps = () => {
        const ix = f.let<'i32'>(left)
        f.for(0, kw, 1, () => {
          f.if(
            i32.and(inside, i32.lt_u(ix, w.width)),
            () => copyFloats(f, to, from, w.channels),
            () => f.memoryFill(to, 0, 4 * w.channels),
          )
          f.set(to, i32.add(to, 4 * w.channels))
          f.set(from, i32.add(from, 4 * w.pixelStride * w.dilation[1]))
          f.set(ix, i32.add(ix, w.dilation[1]))
        })
      }
      if (w.dilation[1] === 1 && w.pixelStride === w.channels && kw <= w.width) {
        // All taps of a row at once, where all lie inside.
        f.if(
          i32.and(inside, i32.lt_u(left, w.width - kw + 1)),
          () => {
            copyFloats(f, to, from, kw * w.channels)
            f.set(to, i32.add(to, 4 * kw * w.channels))
          },
          taps,
        )
      } else taps()
      f.set(iy, i32.add(iy, w.dilation[0]))
    })
    step(f, ox, w.outWidth, () => step(f, oy, w.outHeight, () => f.set(image, i32.add(image, 1))))
  })
}

/** Counts up; at `limit` back to 0 with a carry. */
function step(f: FunctionBuilder, counter: Local<'i32'>, limit: number, carry: () => void): void {
  f.set(counter, i32.add(counter, 1))
  f.if(i32.eq(counter, limit), () => {
    f.set(counter, 0)
    carry()
  })
}

/** Copies `count` floats; what follows them at the target is overwritten by at most three more. */
function copyFloats(f: FunctionBuilder, to: Local<'i32'>, from: Local<'i32'>, count: number): void {
  if (count === 1) f.store.f32(to, f32.load(from))
  else if (count <= 32) for (let c = 0; c < count; c += 4) f.store.v128(to, v128.load(from, 4 * c), 4 * c)
  else f.for(0, 4 * count, 16, (at) => f.store.v128(i32.add(to, at), v128.load(i32.add(from, at))))
}

import type { OpCall, Refusal, Shape } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, i32, type Local, type Operand } from './assembler/index.js'
import { type KernelBuilder, type LaunchOf, type Split, split } from './kernel.js'
import { element } from './layout.js'
import { packInputs } from './pack-inputs.js'
import { refuseTypes } from './refuse.js'
import { coordinates, eachTapOn, type SlidingAxis, slidingAxes } from './taps.js'
import { eachGroup } from './vectors.js'

export interface AdjointParams extends Split {
  readonly images: number
  readonly channels: number
  readonly vertical: SlidingAxis
  readonly horizontal: SlidingAxis
}

/** The launch of a kernel that gives an image [N, H, W, C] = `shape` from windows [N, OH, OW, …]: an item is a pixel. */
export function selectAdjoint<P>(
  kernel: string,
  call: OpCall,
  size: readonly [number, number],
  more: P,
): LaunchOf<AdjointParams & P> | Refusal {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const [images, height, width, channels] = call.outputs[0].shape
  const [, outHeight, outWidth] = call.inputs[0].shape
  const window = call.attrs as unknown as Omit<Parameters<typeof slidingAxes>[0], 'kernel'> & { readonly shape: Shape }
  const [vertical, horizontal] = slidingAxes({ ...window, kernel: size }, [height, width], [outHeight, outWidth])
  const items = channels === 0 ? 0 : images * height * width
  const cost = 40 + (Math.ceil(channels / 4) * size[0] * size[1] * 3) / (window.stride[0] * window.stride[1])
  return {
    kernel,
    params: { ...split(items, cost), images, channels, vertical, horizontal, ...more },
    ...packInputs(call.inputs),
  }
}

/** One place where a tap of a window met the pixel. */
export interface Meeting {
  readonly ky: Local<'i32'>
  readonly kx: Local<'i32'>
  readonly oy: Local<'i32'>
  readonly ox: Local<'i32'>
  /** Index of the output pixel, images counted. */
  readonly pixel: Local<'i32'>
}

/** Sums up, for each pixel and in the order of the taps, what `add` puts on the sums of a group of channels. */
export function emitAdjoint(
  k: KernelBuilder,
  { images, channels, vertical, horizontal }: AdjointParams,
  pointers: number,
  add: (
    f: FunctionBuilder,
    inputs: readonly Local<'i32'>[],
    meeting: Meeting,
    channel: Operand<'i32'>,
    sums: readonly Local<'v128'>[],
  ) => void,
) {
  return k.define(pointers, (f, args, { begin, end }) =>
    f.for(begin, end, 1, (item) => {
      const [image, y, x] = coordinates(f, item, [images, vertical.length, horizontal.length])
      const target = f.let(element(args[pointers - 1], item, 4 * channels))
      eachGroup(f, channels, (channel, lanes) => {
        const sums = lanes.map(() => f.let(f32x4.const(0)))
        eachTapOn(f, y, vertical, (ky, oy) => {
          const row = f.let(i32.mul(i32.add(i32.mul(image, vertical.out), oy), horizontal.out))
          eachTapOn(f, x, horizontal, (kx, ox) => add(f, args, { ky, kx, oy, ox, pixel: f.let(i32.add(row, ox)) }, channel, sums))
        })
        const at = f.let(i32.add(target, i32.mul(channel, 4)))
        sums.forEach((sum, v) => {
          f.store.lanes(at, sum, lanes[v], 16 * v)
        })
      })
    }),
  )
}

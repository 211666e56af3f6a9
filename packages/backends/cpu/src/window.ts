import { contiguousStrides, type OpCall, type Prepare, sizeOf, type TensorSpec, type WindowAttrs } from '@scanline/tensor'
import { copyLaunch } from './kernels/copy.js'

/** A window that slides over the height and width of [N, H, W, C]; strides of the input in elements, channels at 1. */
export type Window = {
  readonly images: number
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly imageStride: number
  readonly rowStride: number
  readonly pixelStride: number
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  /** Top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number]
  readonly dilation: readonly [number, number]
  readonly outHeight: number
  readonly outWidth: number
}

/** The window of a call, as native/simd/window.h reads it, and the copy of its input where channels do not lie side by side. */
export function windowOf(
  x: TensorSpec,
  out: TensorSpec,
  kernel: readonly [number, number],
  { stride, padding, dilation }: WindowAttrs,
): { window: Window; prepare: Prepare[] } {
  const [, outHeight, outWidth] = out.shape
  const [images, height, width, channels] = x.shape
  const direct = channels === 1 || x.strides[3] === 1
  const [imageStride, rowStride, pixelStride] = direct ? x.strides : contiguousStrides(x.shape)
  const prepare = direct ? [] : [{ input: 0, launch: copyLaunch(x), bytes: 4 * sizeOf(x.shape) }]
  const geometry = { images, height, width, channels, imageStride, rowStride, pixelStride }
  return { window: { ...geometry, kernel, stride, padding, dilation, outHeight, outWidth }, prepare }
}

/** The window attributes of a call. */
export const windowAttrsOf = ({ attrs }: OpCall): WindowAttrs => attrs as unknown as WindowAttrs

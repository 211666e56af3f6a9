import { i32 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { copyRow, fillRow } from '../move.js'
import { refuseTypes } from '../refuse.js'
import { coordinates, slidingAxes, tapsInside } from '../taps.js'
import { type Window, windowOf } from '../window.js'

interface UnfoldParams extends Split {
  readonly window: Window
}

/** im2col: an item is one row of taps of one output pixel, copied whole where it lies inside the image. */
export const unfold = defineKernel<UnfoldParams>({
  name: 'unfold',
  op: 'unfold',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const kernel = call.attrs.kernel as readonly [number, number]
    const { window, prepare } = windowOf(call, kernel)
    const { images, outHeight, outWidth, channels } = window
    const items = channels === 0 ? 0 : images * outHeight * outWidth * kernel[0]
    return {
      kernel: 'unfold',
      params: { ...split(items, 30 + (kernel[1] * channels) / 3), window },
      ...(prepare.length > 0 && { prepare }),
    }
  },
  emit: (k, { window }) =>
    k.define(2, (f, [input, output], { begin, end }) => {
      const { images, height, width, channels, outHeight, outWidth, kernel, dilation, stride, padding } = window
      const { imageStride, rowStride, pixelStride } = window
      const [, horizontal] = slidingAxes(window, [height, width], [outHeight, outWidth])
      const pixelBytes = 4 * channels
      f.for(begin, end, 1, (item) => {
        const [image, y, x, ky] = coordinates(f, item, [images, outHeight, outWidth, kernel[0]])
        const target = f.let(element(output, item, kernel[1] * pixelBytes))
        const iy = f.let(i32.sub(i32.add(i32.mul(y, stride[0]), i32.mul(ky, dilation[0])), padding[0]))
        const row = f.let(element(input, i32.add(i32.mul(image, imageStride), i32.mul(iy, rowStride)), 4))
        const taps = tapsInside(f, x, horizontal)
        const zeros = () => fillRow(f, target, [0], kernel[1] * pixelBytes)
        const eachTap = () => {
          zeros()
          f.for(taps.first, taps.end, 1, (kx) => {
            const from = f.let(element(row, i32.add(taps.origin, i32.mul(kx, dilation[1])), 4 * pixelStride))
            copyRow(f, 4, f.let(element(target, kx, pixelBytes)), from, 1, channels)
          })
        }
        const copied = () => {
          if (dilation[1] !== 1 || pixelStride !== channels) eachTap()
          else
            f.if(
              i32.eq(i32.sub(taps.end, taps.first), kernel[1]),
              () => copyRow(f, 4, target, f.let(element(row, taps.origin, pixelBytes)), 1, kernel[1] * channels),
              eachTap,
            )
        }
        // Unsigned, so that rows above the image are outside too.
        f.if(i32.lt_u(iy, height), copied, zeros)
      })
    }),
})

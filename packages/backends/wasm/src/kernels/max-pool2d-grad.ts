import { f32, f32x4, i32, i32x4, v128 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { eachPixelInside } from '../pool.js'
import { refuseTypes } from '../refuse.js'
import { coordinates, type SlidingAxis, slidingAxes, tapsInside } from '../taps.js'

interface MaxPoolGradParams extends Split {
  readonly images: number
  readonly channels: number
  readonly vertical: SlidingAxis
  readonly horizontal: SlidingAxis
}

/** An item is four channels of one image, so that every sum is made by one thread, in the order of the outputs. */
export const maxPool2dGrad = defineKernel<MaxPoolGradParams>({
  name: 'maxPool2dGrad',
  op: 'maxPool2dGrad',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const [images, height, width, channels] = call.inputs[0].shape
    const [, outHeight, outWidth] = call.inputs[1].shape
    const attrs = call.attrs as unknown as Parameters<typeof slidingAxes>[0]
    const [vertical, horizontal] = slidingAxes(attrs, [height, width], [outHeight, outWidth])
    const cost = height * width + outHeight * outWidth * (40 + 8 * vertical.taps * horizontal.taps)
    return {
      kernel: 'maxPool2dGrad',
      params: { ...split(images * Math.ceil(channels / 4), cost), images, channels, vertical, horizontal },
      ...packInputs(call.inputs),
    }
  },
  emit: (k, { images, channels, vertical, horizontal }) =>
    k.define(3, (f, [x, g, output], { begin, end }) => {
      const pixelBytes = 4 * channels
      const area = vertical.length * horizontal.length
      const geometry = {
        rowStride: horizontal.length * channels,
        pixelStride: channels,
        dilation: [vertical.dilation, horizontal.dilation] as const,
      }
      const group = (image: typeof begin, channel: typeof begin, lanes: number) => {
        const start = f.let(i32.add(i32.mul(image, area * pixelBytes), i32.mul(channel, 4)))
        const source = f.let(i32.add(x, start))
        const target = f.let(i32.add(output, start))
        f.for(0, area, 1, (pixel) => f.store.lanes(element(target, pixel, pixelBytes), f32x4.const(0), lanes))
        const outputs = f.let<'i32'>(i32.add(g, i32.mul(image, vertical.out * horizontal.out * pixelBytes), i32.mul(channel, 4)))
        f.for(0, vertical.out, 1, (oy) => {
          const rows = tapsInside(f, oy, vertical)
          f.for(0, horizontal.out, 1, (ox) => {
            const columns = tapsInside(f, ox, horizontal)
            const largest = f.let<'v128'>(k.splat(Number.NEGATIVE_INFINITY))
            // Where the largest element of each channel lies, in bytes from `source`; -1 while there is none.
            const place = f.let<'v128'>(k.splatBits(-1))
            eachPixelInside(f, source, rows, columns, geometry, (pixel) => {
              const value = f.let(v128.load(pixel))
              const first = i32x4.eq(place, k.splatBits(-1))
              const wins = f.let(v128.or(v128.or(f32x4.gt(value, largest), f32x4.ne(value, value)), first))
              f.set(largest, v128.bitselect(value, largest, wins))
              f.set(place, v128.bitselect(i32x4.splat(i32.sub(pixel, source)), place, wins))
            })
            // A dilated window may step over the whole image.
            f.if(i32.ge_s(i32x4.extract(place, 0), 0), () => {
              for (let lane = 0; lane < lanes; lane++) {
                const at = f.let(i32.add(target, i32x4.extract(place, lane)))
                f.store.f32(at, f32.add(f32.load(at, 4 * lane), f32.load(outputs, 4 * lane)), 4 * lane)
              }
            })
            f.set(outputs, i32.add(outputs, pixelBytes))
          })
        })
      }
      const groups = Math.ceil(channels / 4)
      f.for(begin, end, 1, (item) => {
        const [image, index] = coordinates(f, item, [images, groups])
        const channel = f.let(i32.mul(index, 4))
        const rest = channels % 4
        if (rest === 0) group(image, channel, 4)
        else if (groups === 1) group(image, channel, rest)
        else
          f.if(
            i32.lt_u(channel, channels - rest),
            () => group(image, channel, 4),
            () => group(image, channel, rest),
          )
      })
    }),
})

import { type FunctionBuilder, f32x4, i32, type Local, v128 } from '../assembler/index.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { coordinates, type SlidingAxis, slidingAxes } from '../taps.js'
import { WideSum } from '../vectors.js'

interface WeightGradParams extends Split {
  readonly images: number
  readonly channels: number
  readonly vertical: SlidingAxis
  readonly horizontal: SlidingAxis
}

/** Taps of a row that are summed in one pass: as many sums as registers allow. */
const heldTaps = 8

/**
 * An item is one row of the filter for four channels, summed over all images by one thread: in f32 along a row of the
 * output, in f64 from row to row.
 */
export const depthwiseConv2dWeightGrad = defineKernel<WeightGradParams>({
  name: 'depthwiseConv2dWeightGrad',
  op: 'depthwiseConv2dWeightGrad',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const [x, g] = call.inputs
    const [images, height, width, channels] = x.shape
    const [, , kh, kw] = call.outputs[0].shape
    const attrs = call.attrs as unknown as Omit<Parameters<typeof slidingAxes>[0], 'kernel'>
    const [vertical, horizontal] = slidingAxes({ ...attrs, kernel: [kh, kw] }, [height, width], g.shape.slice(1, 3))
    const cost = images * vertical.out * (20 + 1.5 * horizontal.out * kw)
    return {
      kernel: 'depthwiseConv2dWeightGrad',
      params: { ...split(kw === 0 ? 0 : Math.ceil(channels / 4) * kh, cost), images, channels, vertical, horizontal },
      ...packInputs(call.inputs),
    }
  },
  emit: (k, params) =>
    k.define(3, (f, [x, g, output], { begin, end }) => {
      const { images, channels, vertical, horizontal } = params
      f.for(begin, end, 1, (item) => {
        const [group, ky] = coordinates(f, item, [Math.ceil(channels / 4), vertical.taps])
        const channel = f.let(i32.mul(group, 4))
        for (let first = 0; first < horizontal.taps; first += heldTaps) {
          const taps = Array.from({ length: Math.min(heldTaps, horizontal.taps - first) }, (_, i) => first + i)
          const totals = taps.map(() => new WideSum(f))
          f.for(0, images, 1, (image) => {
            f.for(0, vertical.out, 1, (oy) => {
              const iy = f.let(i32.sub(i32.add(i32.mul(oy, vertical.stride), i32.mul(ky, vertical.dilation)), vertical.before))
              // Unsigned, so that rows above the image are outside too.
              f.if(i32.lt_u(iy, vertical.length), () => {
                const line = (pointer: Local<'i32'>, { length, y, width }: { length: number; y: Local<'i32'>; width: number }) =>
                  f.let(element(pointer, i32.add(i32.mul(i32.add(i32.mul(image, length), y), width * channels), channel), 4))
                const source = line(x, { length: vertical.length, y: iy, width: horizontal.length })
                const gradient = line(g, { length: vertical.out, y: oy, width: horizontal.out })
                for (const [i, sum] of rowSums(k, f, horizontal, taps, source, gradient, 4 * channels).entries())
                  totals[i].add(sum)
              })
            })
          })
          const target = f.let(
            element(output, i32.add(i32.mul(i32.add(i32.mul(channel, vertical.taps), ky), horizontal.taps), first), 4),
          )
          for (const [i, total] of totals.entries()) {
            const sums = f.let(total.lanes())
            for (let lane = 0; lane < 4; lane++) {
              const offset = 4 * (lane * vertical.taps * horizontal.taps + i)
              const store = () => f.store.f32(target, f32x4.extract(sums, lane), offset)
              if (channels % 4 === 0 || lane < channels % 4) store()
              else f.if(i32.lt_u(i32.add(channel, lane), channels), store)
            }
          }
        }
      })
    }),
})

/** The sum over a row of the output for each of `taps`: a loop where all taps lie inside, single steps at the edges. */
function rowSums(
  k: KernelBuilder,
  f: FunctionBuilder,
  { length, out, before, stride, dilation }: SlidingAxis,
  taps: readonly number[],
  source: Local<'i32'>,
  gradient: Local<'i32'>,
  pixelBytes: number,
): Local<'v128'>[] {
  const sums = taps.map(() => f.let(f32x4.const(0)))
  const column = (ox: number, tap: number) => ox * stride - before + tap * dilation
  const inside = (ox: number, tap: number) => column(ox, tap) >= 0 && column(ox, tap) < length
  const positions = Array.from({ length: out }, (_, ox) => ox)
  const full = positions.filter((ox) => taps.every((tap) => inside(ox, tap)))
  const edge = positions.filter((ox) => !full.includes(ox) && taps.some((tap) => inside(ox, tap)))
  for (const ox of edge) {
    const value = f.let(v128.load(gradient, ox * pixelBytes))
    for (const [i, tap] of taps.entries()) {
      if (inside(ox, tap)) f.set(sums[i], k.madd(value, v128.load(source, column(ox, tap) * pixelBytes), sums[i]))
    }
  }
  if (full.length === 0) return sums
  const first = column(full[0], taps[0])
  const at = f.let(i32.add(source, first * pixelBytes))
  const from = f.let(i32.add(gradient, full[0] * pixelBytes))
  f.for(from, f.let(i32.add(from, full.length * pixelBytes)), pixelBytes, (position) => {
    const value = f.let(v128.load(position))
    for (const [i, tap] of taps.entries()) {
      f.set(sums[i], k.madd(value, v128.load(at, (tap - taps[0]) * dilation * pixelBytes), sums[i]))
    }
    f.set(at, i32.add(at, stride * pixelBytes))
  })
  return sums
}

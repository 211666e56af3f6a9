import { type AdjointParams, emitAdjoint, selectAdjoint } from '../adjoint.js'
import { f32, f32x4, i32, v128 } from '../assembler/index.js'
import { defineKernel } from '../kernel.js'
import { element } from '../layout.js'
import { tapsInside } from '../taps.js'
import { tapCount } from './avg-pool2d.js'

interface AvgPoolGradParams extends AdjointParams {
  readonly countPadding: boolean
}

/** Every pixel gathers its share of the windows that it is in. */
export const avgPool2dGrad = defineKernel<AvgPoolGradParams>({
  name: 'avgPool2dGrad',
  op: 'avgPool2dGrad',
  select: (call) => {
    const { kernel, countPadding } = call.attrs as { readonly kernel: readonly [number, number]; readonly countPadding: boolean }
    return selectAdjoint('avgPool2dGrad', call, kernel, { countPadding })
  },
  emit: (k, params) => {
    const { channels, vertical, horizontal, countPadding } = params
    return emitAdjoint(k, params, 2, (f, [g], { oy, ox, pixel }, channel, sums) => {
      const at = f.let(element(g, i32.add(i32.mul(pixel, channels), channel), 4))
      const count = countPadding
        ? i32.const(vertical.taps * horizontal.taps)
        : i32.mul(tapCount(tapsInside(f, oy, vertical)), tapCount(tapsInside(f, ox, horizontal)))
      const weight = f.let(f32x4.splat(f32.div(1, f32.convert_i32_u(count))))
      sums.forEach((sum, v) => {
        f.set(sum, k.madd(v128.load(at, 16 * v), weight, sum))
      })
    })
  },
})

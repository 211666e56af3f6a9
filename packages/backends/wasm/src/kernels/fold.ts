import { type AdjointParams, emitAdjoint, selectAdjoint } from '../adjoint.js'
import { f32x4, i32, v128 } from '../assembler/index.js'
import { defineKernel } from '../kernel.js'
import { element } from '../layout.js'

/** col2im: every pixel gathers the taps that were read from it. */
export const fold = defineKernel<AdjointParams>({
  name: 'fold',
  op: 'fold',
  select: (call) => selectAdjoint('fold', call, call.attrs.kernel as readonly [number, number], {}),
  emit: (k, params) => {
    const { channels, vertical, horizontal } = params
    return emitAdjoint(k, params, 2, (f, [columns], { ky, kx, pixel }, channel, sums) => {
      const tap = i32.add(i32.mul(i32.add(i32.mul(pixel, vertical.taps), ky), horizontal.taps), kx)
      const at = f.let(element(columns, i32.add(i32.mul(tap, channels), channel), 4))
      sums.forEach((sum, v) => {
        f.set(sum, f32x4.add(sum, v128.load(at, 16 * v)))
      })
    })
  },
})

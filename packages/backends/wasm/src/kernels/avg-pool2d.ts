import { f32, f32x4, i32 } from '../assembler/index.js'
import { defineKernel } from '../kernel.js'
import { emitPool, type PoolParams, selectPool } from '../pool.js'
import type { TapRange } from '../taps.js'

interface AvgPoolParams extends PoolParams {
  readonly countPadding: boolean
}

/** How many taps lie inside. */
export const tapCount = ({ first, end }: TapRange) =>
  typeof end === 'number' && typeof first === 'number' ? i32.const(end - first) : i32.sub(end, first)

export const avgPool2d = defineKernel<AvgPoolParams>({
  name: 'avgPool2d',
  op: 'avgPool2d',
  select: (call) => selectPool('avgPool2d', call, { countPadding: call.attrs.countPadding as boolean }),
  emit: (k, { window, countPadding }) =>
    emitPool(k, window, f32x4.const(0), f32x4.add, (_, sum, rows, columns) => {
      if (countPadding) return f32x4.div(sum, k.splat(window.kernel[0] * window.kernel[1]))
      // A dilated window may step over the whole image: its sum is 0.
      const inside = f32.convert_i32_u(i32.mul(tapCount(rows), tapCount(columns)))
      return f32x4.div(sum, f32x4.splat(f32.max(inside, 1)))
    }),
})

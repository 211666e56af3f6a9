import { f32, f32x4 } from '../assembler/index.js'
import { defineKernel } from '../kernel.js'
import { eachRow, type SoftmaxParams, selectRows, sumPowers } from '../softmax-rows.js'
import { eachVector } from '../vectors.js'

/** e^(x - max) and its sum in one pass, then a pass that scales. */
export const softmax = defineKernel<SoftmaxParams>({
  name: 'softmax',
  op: 'softmax',
  select: (call) => selectRows('softmax', call),
  emit: (k, params) =>
    eachRow(k, params, (f, source, target, peak) => {
      const { length } = params
      const total = sumPowers(k, f, length, source, peak, (power, spot) =>
        f.store.lanes(spot.address(target), power, spot.lanes, spot.offset()),
      )
      const scale = f.let(f32x4.splat(f32.div(1, total)))
      eachVector(f, length, 4, (spot) =>
        f.store.lanes(spot.address(target), f32x4.mul(spot.load(target), scale), spot.lanes, spot.offset()),
      )
    }),
})

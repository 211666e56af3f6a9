import { f32x4 } from '../assembler/index.js'
import { defineKernel } from '../kernel.js'
import { eachRow, type SoftmaxParams, selectRows, sumPowers } from '../softmax-rows.js'
import { log } from '../vector-math.js'
import { eachVector } from '../vectors.js'

/** The largest element and the logarithm of the sum of powers taken off each element. */
export const logSoftmax = defineKernel<SoftmaxParams>({
  name: 'logSoftmax',
  op: 'logSoftmax',
  select: (call) => selectRows('logSoftmax', call),
  emit: (k, params) =>
    eachRow(k, params, (f, source, target, peak) => {
      const total = f.let(f32x4.splat(sumPowers(k, f, params.length, source, peak)))
      const logarithm = f.let(log(k, f, total))
      eachVector(f, params.length, 4, (spot) => {
        const y = f32x4.sub(f32x4.sub(spot.load(source), peak), logarithm)
        f.store.lanes(spot.address(target), y, spot.lanes, spot.offset())
      })
    }),
})

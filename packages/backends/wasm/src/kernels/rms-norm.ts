import { defineKernel } from '../kernel.js'
import { emitNorm, type NormParams, selectNorm } from '../norm-rows.js'

/** Rows divided by their root mean square. */
export const rmsNorm = defineKernel<NormParams>({
  name: 'rmsNorm',
  op: 'rmsNorm',
  select: (call) => selectNorm('rmsNorm', call, { centred: false, residual: false }),
  emit: emitNorm,
})

import { defineKernel } from '../kernel.js'
import { emitNorm, type NormParams, selectNorm } from '../norm-rows.js'

/** Rows about their mean, divided by their standard deviation. */
export const layerNorm = defineKernel<NormParams>({
  name: 'layerNorm',
  op: 'layerNorm',
  select: (call) => selectNorm('layerNorm', call, { centred: true, residual: false }),
  emit: emitNorm,
})

import { defineKernel } from '../kernel.js'
import { emitNorm, type NormParams, selectNorm } from '../norm-rows.js'

/** Either norm of a sum, which is stored as well. */
export const addNorm = defineKernel<NormParams>({
  name: 'addNorm',
  op: 'addNorm',
  select: (call) => selectNorm('addNorm', call, { centred: call.attrs.norm === 'layer', residual: true }),
  emit: emitNorm,
})

import { f32x4 } from '../assembler/index.js'
import { defineKernel } from '../kernel.js'
import { emitPool, type PoolParams, selectPool } from '../pool.js'

export const maxPool2d = defineKernel<PoolParams>({
  name: 'maxPool2d',
  op: 'maxPool2d',
  select: (call) => selectPool('maxPool2d', call, {}),
  emit: (k, { window }) => emitPool(k, window, k.splat(Number.NEGATIVE_INFINITY), f32x4.max, (_, x) => x),
})

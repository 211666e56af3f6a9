import type { Op } from '../op.js'
import * as ops from '../ops/index.js'

/** Every op of this package. */
export const builtinOps: readonly Op[] = Object.values(ops).filter(
  (value) => typeof value === 'object' && value !== null && 'infer' in value,
) as unknown as Op[]

import type { KernelSpec } from '../kernel.js'
import { cast } from './cast.js'
import { concat } from './concat.js'
import { copy } from './copy.js'
import { flip } from './flip.js'
import { matmul } from './matmul.js'
import { packMatrix } from './pack-matrix.js'
import { pad } from './pad.js'
import { pointwise } from './pointwise.js'
import { reduce } from './reduce.js'

/** Every kernel. For an op, the first that does not refuse a call runs it, so the special come before the general. */
export const kernels: readonly KernelSpec[] = [cast, concat, copy, flip, matmul, packMatrix, pad, pointwise, reduce]

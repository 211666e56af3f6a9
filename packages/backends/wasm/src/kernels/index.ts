import type { Kernel } from '../kernel.js'
import { copy } from './copy.js'
import { layerNorm } from './layer-norm.js'
import { logSoftmax } from './log-softmax.js'
import { matmul } from './matmul.js'
import { packMatrix } from './pack-matrix.js'
import { reduce } from './reduce.js'
import { softmax } from './softmax.js'

/** Every kernel. For an op, the first that does not refuse a call runs it, so the special come before the general. */
export const kernels: readonly Kernel[] = [copy, packMatrix, matmul, layerNorm, softmax, logSoftmax, reduce]

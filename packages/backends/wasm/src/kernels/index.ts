import type { Kernel } from '../kernel.js'
import { copy } from './copy.js'

/** Every kernel. For an op, the first that does not refuse a call runs it, so the special come before the general. */
export const kernels: readonly Kernel[] = [copy]

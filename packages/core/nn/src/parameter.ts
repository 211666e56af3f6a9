import { empty, type Shape, type Tensor, unscoped } from '@scanline/tensor'
import type { ModuleOptions } from './module.js'

/** Memory for a parameter: it belongs to its module, even when that is built within a `scope`. Contents are undefined. */
export const parameter = (shape: Shape, { device, dtype }: ModuleOptions): Tensor =>
  unscoped(() => empty(shape, { device, ...(dtype && { dtype }) }))

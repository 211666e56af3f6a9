import type { Attrs, Backend } from './backend.js'
import type { Op } from './op.js'
import type { Tensor } from './tensor.js'

/** What records ops instead of running them: the tracer of `@scanline/compile`. */
export interface Tracer {
  readonly backend: Backend
  record(op: Op, inputs: readonly Tensor[], attrs: Attrs): Tensor[]
}

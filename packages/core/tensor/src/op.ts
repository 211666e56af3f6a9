import type { Attrs, TensorSpec } from './backend.js'
import type { DType } from './dtype.js'
import type { Shape } from './shape.js'
import type { Tensor } from './tensor.js'

/** Shape and element type: what a tensor is before anybody knows where it lies. */
export interface ValueSpec {
  readonly shape: Shape
  readonly dtype: DType
}

/** A dense row-major array of doubles: what reference implementations compute on. */
export interface NdArray extends ValueSpec {
  readonly data: Float64Array
}

/** Where the elements of a view lie in its input's memory, in elements. */
export interface ViewLayout {
  readonly strides: readonly number[]
  readonly offset: number
}

/** What the gradient of an op may look at. */
export interface GradientContext<A extends Attrs> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attrs: A
}

/**
 * One operation. Everything but its kernels is here, and is pure: what its output looks like, its gradient (written
 * with ops, so that it can be compiled and differentiated again), its decomposition into smaller ops, its cost, and the
 * double-precision definition that every backend is tested against.
 */
export interface Op<A extends Attrs = Attrs> {
  readonly name: string
  /** Shapes and types of the outputs. Throws `ShapeError` or `DTypeError` for inputs that do not fit. */
  infer(inputs: readonly ValueSpec[], attrs: A): ValueSpec[]
  /** Present on views: the output's layout within the first input's memory, or undefined where it must be copied. */
  view?(input: TensorSpec, attrs: A): ViewLayout | undefined
  /** Gradients of the inputs, given those of the outputs (undefined where an output took no part). */
  vjp?(grads: readonly (Tensor | undefined)[], context: GradientContext<A>): (Tensor | undefined)[]
  /**
   * The same outputs by smaller ops: what runs where a backend has no kernel, and what is differentiated without `vjp`.
   * Undefined for attributes with which there is nothing smaller.
   */
  decompose?(inputs: readonly Tensor[], attrs: A): Tensor[] | undefined
  /** Outputs in double precision. Views have none: theirs is the layout. */
  reference?(inputs: readonly NdArray[], attrs: A, outputs: readonly ValueSpec[]): Float64Array[]
  /** Floating-point operations; a multiply-add counts two. */
  flops(inputs: readonly ValueSpec[], outputs: readonly ValueSpec[], attrs: A): number
}

import type { Builder } from './builder.js'
import type { Dims } from './dims.js'
import type { ElementType } from './model.js'

/** An order of axes: `order[i]` is the axis of the traced tensor that comes i-th. */
export type Order = readonly number[]

export const identity = (rank: number): Order => Array.from({ length: rank }, (_, i) => i)
/** Channels behind the batch: how ONNX convolves. The channels of a traced tensor are last. */
export const channelsFirst = (rank: number): Order => [0, rank - 1, ...identity(rank - 2).map((i) => i + 1)]
export const sameOrder = (a: Order, b: Order): boolean => a.length === b.length && a.every((axis, i) => axis === b[i])
export const inverse = (order: Order): Order => order.map((_, axis) => order.indexOf(axis))

/** How a tensor is computed in an order of its axes. */
export interface Source {
  /** Whether that takes no transposing. */
  has(order: Order): boolean
  /** Works for what it has, and for the traced order in any case. */
  make(order: Order): string
}

/** A tensor in the file, which may stand there in several orders of its axes: each is made when it is asked for. */
class Store {
  readonly #forms = new Map<string, string>()
  readonly #source: Source | undefined
  readonly #builder: Builder

  constructor(builder: Builder, form: { readonly name: string; readonly order: Order } | undefined, source?: Source) {
    this.#builder = builder
    this.#source = source
    if (form) this.#forms.set(form.order.join(), form.name)
  }
  has(order: Order): boolean {
    return this.#forms.has(order.join()) || this.#source?.has(order) === true
  }
  get(order: Order): string {
    const known = this.#forms.get(order.join())
    if (known !== undefined) return known
    const name = this.#source?.has(order) ? this.#source.make(order) : this.#transposed(order)
    this.#forms.set(order.join(), name)
    return name
  }
  #transposed(order: Order): string {
    const [have] = this.#forms.keys()
    const from = have === undefined ? this.#easiest(order.length) : have.split(',').map(Number)
    const base = this.#forms.get(from.join()) ?? this.#source!.make(from)
    this.#forms.set(from.join(), base)
    if (sameOrder(from, order)) return base
    return this.#builder.add('Transpose', [base], { perm: { ints: order.map((axis) => from.indexOf(axis)) } })
  }
  #easiest(rank: number): Order {
    return rank > 2 && this.#source!.has(channelsFirst(rank)) ? channelsFirst(rank) : identity(rank)
  }
}

/** A value of the traced function. Permuted values share the tensor that they are views of. */
export class Value {
  readonly dims: Dims
  readonly dtype: ElementType
  /** What repeats to this value: arithmetic reads it instead, and repeats by itself. */
  readonly narrow: Value | undefined
  readonly #store: Store
  /** The store's axis of each of this value's. */
  readonly #axes: Order

  private constructor(dims: Dims, dtype: ElementType, store: Store, axes: Order, narrow?: Value) {
    this.dims = dims
    this.dtype = dtype
    this.#store = store
    this.#axes = axes
    this.narrow = narrow
  }
  /** What a node computed, in some order. */
  static of(builder: Builder, dims: Dims, dtype: ElementType, name: string, order: Order = identity(dims.length)): Value {
    return new Value(dims, dtype, new Store(builder, { name, order }), identity(dims.length))
  }
  /** What is made when it is asked for. */
  static from(builder: Builder, dims: Dims, dtype: ElementType, source: Source, narrow?: Value): Value {
    return new Value(dims, dtype, new Store(builder, undefined, source), identity(dims.length), narrow)
  }

  get rank(): number {
    return this.dims.length
  }
  /** Whether it is there in an order, or can be without moving elements. */
  has(order: Order = identity(this.rank)): boolean {
    return this.#store.has(order.map((axis) => this.#axes[axis]))
  }
  /** Its name in an order of axes, transposed if need be. */
  get(order: Order = identity(this.rank)): string {
    return this.#store.get(order.map((axis) => this.#axes[axis]))
  }
  /** A view with axes in another order. */
  permuted(axes: Order): Value {
    return new Value(
      axes.map((axis) => this.dims[axis]),
      this.dtype,
      this.#store,
      axes.map((axis) => this.#axes[axis]),
    )
  }
  /** Orders of this value in which it is there, or in which its tensor usually is. */
  orders(): Order[] {
    const back = inverse(this.#axes)
    const stored = [identity(this.rank), channelsFirst(this.rank)].map((order) => order.map((axis) => back[axis]))
    return [identity(this.rank), channelsFirst(this.rank), ...stored].filter((order) => this.rank > 2 && this.has(order))
  }
}

/** The order in which most values are there already; of equals the traced one. */
export function commonOrder(values: readonly Value[]): Order {
  const [{ rank }] = values
  const candidates = [identity(rank), ...values.flatMap((value) => value.orders())]
  const missing = (order: Order): number => values.filter((value) => !value.has(order)).length
  return candidates.reduce((best, order) => (missing(order) < missing(best) ? order : best))
}

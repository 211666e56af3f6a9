import type { Module } from '@scanline/nn'
import type { Optimizer } from '@scanline/optim'
import {
  ArgumentError,
  bytesPerElement,
  type DType,
  empty,
  formatShape,
  type Shape,
  sameShape,
  type Tensor,
  type TypedArray,
  unscoped,
} from '@scanline/tensor'

/** Which tensors a training step keeps from one run to the next. */
interface Layout {
  readonly optimizer: Optimizer
  readonly average: boolean
  readonly accumulate: boolean
}

type Named = readonly (readonly [name: string, tensor: Tensor])[]

/**
 * Everything that a training step changes: the model's own tensors, which stay the model's, and beside them the
 * optimizer's buffers, the averaged weights and gathered gradients. `tensors` gives all in one order.
 */
export class TrainState {
  readonly parameters: Named
  /** Running statistics and counters. */
  readonly buffers: Named
  /** By parameter, those of the optimizer in its order. */
  readonly moments: Named
  /** Under the names of parameters and buffers. */
  readonly averages: Named
  /** By parameter. */
  readonly gradients: Named

  constructor(model: Module, { optimizer, average, accumulate }: Layout) {
    this.parameters = model.namedParameters()
    const trained = new Set(this.parameters.map(([, tensor]) => tensor))
    const own = new Map([...model.stateDict()].map(([name, tensor]) => [tensor, name] as const).filter(([t]) => !trained.has(t)))
    this.buffers = [...own].map(([tensor, name]) => [name, tensor] as const)
    this.moments = this.parameters.flatMap(([name, tensor]) =>
      optimizer.buffers.map((buffer) => [`${buffer}.${name}`, zerosLike(tensor)] as const),
    )
    this.averages = average ? [...this.parameters, ...this.buffers].map(([name, tensor]) => [name, like(tensor)] as const) : []
    this.gradients = accumulate ? this.parameters.map(([name, tensor]) => [name, zerosLike(tensor)] as const) : []
  }

  get tensors(): Tensor[] {
    const { parameters, buffers, moments, averages, gradients } = this
    return [parameters, buffers, moments, averages, gradients].flatMap((list) => list.map(([, tensor]) => tensor))
  }
  /** What a checkpoint holds: `model.…`, `optimizer.exp_avg.…`, `average.…`. Gathered gradients live only within an update. */
  named(): Map<string, Tensor> {
    const under = (prefix: string, list: Named) => list.map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const)
    return new Map([
      ...under('model', [...this.parameters, ...this.buffers]),
      ...under('optimizer', this.moments),
      ...under('average', this.averages),
    ])
  }
  /** Copies the model's weights to their averages: how averaging starts. */
  async startAverages(): Promise<void> {
    const own = new Map([...this.parameters, ...this.buffers])
    for (const [name, average] of this.averages) average.write(await own.get(name)!.data())
  }
  /**
   * Fills what `named` lists. Throws `ArgumentError` before the first write for names that are missing or unknown, and
   * for other shapes or element types.
   */
  restore(values: ReadonlyMap<string, { readonly shape: Shape; readonly dtype: string; readonly data: TypedArray }>): void {
    const own = this.named()
    const missing = [...own.keys()].filter((name) => !values.has(name))
    const unknown = [...values.keys()].filter((name) => !own.has(name))
    if (missing.length > 0 || unknown.length > 0)
      throw new ArgumentError(
        `this is not the state of this training run: ${missing.length} tensors are missing (${missing[0] ?? '-'}), ${unknown.length} are unknown (${unknown[0] ?? '-'}); use the model, optimizer and averaging that it was saved with`,
      )
    for (const [name, tensor] of own) {
      const { shape, dtype } = values.get(name)!
      if (dtype !== tensor.dtype || !sameShape(shape, tensor.shape))
        throw new ArgumentError(`${name} is ${dtype}${formatShape(shape)} in the saved state and ${tensor} in this run`)
    }
    for (const [name, tensor] of own) tensor.write(values.get(name)!.data)
  }
  /** Frees what is not the model's. */
  dispose(): void {
    for (const list of [this.moments, this.averages, this.gradients]) for (const [, tensor] of list) tensor.dispose()
  }
}

const like = ({ shape, dtype, device }: Tensor): Tensor => unscoped(() => empty(shape, { device, dtype }))

function zerosLike(tensor: Tensor): Tensor {
  const made = like(tensor)
  const { buffer, offset } = made.binding
  made.device.write(buffer, offset, new Uint8Array(made.size * bytesPerElement[made.dtype as DType]))
  return made
}

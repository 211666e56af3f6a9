import type { Graph } from '@scanline/compile'
import type { Module } from '@scanline/nn'
import type { DeviceBuffer, Tensor } from '@scanline/tensor'
import type { Initializer } from './model.js'

/** Ops whose weight, their second input, may be folded into another constant. */
const linear = new Set(['matmul', 'conv2d', 'depthwiseConv2d'])

/**
 * The constants of a file. What is a parameter of the module, element for element, has its name in the state dict; where
 * axes are in another order, `.T` follows; where a batch norm, scale, blend or skip went into it, `_folded`.
 */
export class Constants {
  readonly #parameters = new Map<DeviceBuffer, { readonly name: string; readonly tensor: Tensor }[]>()
  readonly #folded = new Map<DeviceBuffer, string>()
  readonly #buffers = new Map<DeviceBuffer, number>()
  readonly #written = new Map<string, string>()
  readonly #pending: { readonly name: string; readonly tensor: Tensor }[] = []
  readonly #unique: (wanted: string) => string

  constructor(module: Module | undefined, unique: (wanted: string) => string) {
    this.#unique = unique
    for (const [name, tensor] of module?.stateDict() ?? []) {
      const { buffer } = tensor.binding
      this.#parameters.set(buffer, [...(this.#parameters.get(buffer) ?? []), { name, tensor }])
    }
  }

  /** Names weights that passes computed after those that they replace: nodes with weights keep their order. */
  nameFolded(before: Graph, after: Graph): void {
    const weights = (graph: Graph) =>
      graph.nodes.flatMap(({ op, inputs }) => {
        const weight = linear.has(op.name) ? graph.constants.get(inputs[1]) : undefined
        return weight ? [weight] : []
      })
    const old = weights(before)
    for (const [i, weight] of weights(after).entries()) {
      const name = old[i] && this.#parameter(old[i])?.name
      const alike = old[i]?.shape.join() === weight.shape.join()
      if (name !== undefined && alike && !this.#parameter(weight)) this.#folded.set(weight.binding.buffer, name)
    }
  }

  /** The path of the module that a constant belongs to. */
  path(tensor: Tensor): string | undefined {
    const name = this.#parameter(tensor)?.name ?? this.#folded.get(tensor.binding.buffer)
    return name?.slice(0, Math.max(0, name.lastIndexOf('.')))
  }

  /** Notes a constant with the elements of `view`, which is freed later; gives its name. `role` names it where nothing else does. */
  write(view: Tensor, role: string): string {
    const { buffer, offset } = view.binding
    if (!this.#buffers.has(buffer)) this.#buffers.set(buffer, this.#buffers.size)
    const key = [this.#buffers.get(buffer), offset, view.shape.join('x'), view.strides.join('x'), view.dtype].join()
    const known = this.#written.get(key)
    if (known !== undefined) {
      view.dispose()
      return known
    }
    const name = this.#unique(this.#name(view, role))
    this.#written.set(key, name)
    this.#pending.push({ name, tensor: view })
    return name
  }
  #name(view: Tensor, role: string): string {
    const folded = this.#folded.get(view.binding.buffer)
    if (folded !== undefined) return `${folded}_folded`
    const parameter = this.#parameter(view)
    if (!parameter) return role
    const { name, tensor } = parameter
    if (tensor.size !== view.size) return `${name}_part`
    return view.contiguous ? name : `${name}.T`
  }
  #parameter(view: Tensor) {
    const { buffer, offset } = view.binding
    const found = this.#parameters.get(buffer) ?? []
    return found.find(({ tensor }) => tensor.binding.offset === offset) ?? found[0]
  }

  /** Reads the elements. */
  async read(onRead?: (done: number, total: number) => void): Promise<Initializer[]> {
    const read: Initializer[] = []
    for (const { name, tensor } of this.#pending) {
      const { buffer, byteOffset, byteLength } = await tensor.data()
      read.push({
        name,
        shape: tensor.shape,
        dtype: tensor.dtype,
        bytes: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
      })
      onRead?.(read.length, this.#pending.length)
    }
    return read
  }
  /** Frees what is held to be read. */
  release(): void {
    for (const { tensor } of this.#pending) tensor.dispose()
  }
}

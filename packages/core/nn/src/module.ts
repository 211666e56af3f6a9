import { type Backend, type DType, formatShape, type Generator, sizeOf, Tensor } from '@scanline/tensor'
import { type LoadOptions, type LoadReport, loadState, type StateSource } from './load-state.js'
import { parameterKey } from './parameter-key.js'
import { renderTree, type TreeNode } from './render-tree.js'

/** What every module takes after its dimensions. */
export interface ModuleOptions {
  /** Where the parameters live, and so where the module runs. */
  readonly device: Backend
  /** Of the parameters: f32 unless told otherwise. */
  readonly dtype?: DType
  /** Initialises the parameters. Without it memory is only allocated, to be filled by `loadStateDict`. */
  readonly generator?: Generator
}

/**
 * Part of a network. Its parameters are the properties that hold tensors, its children those that hold modules or
 * arrays of modules; names in the state dict are the path to the property in PyTorch's spelling
 * (`stages[1].blocks[0].preLogits.weight` is `stages.1.blocks.0.pre_logits.weight`). Order is the order in which the
 * properties are declared. As in PyTorch a new module is in training mode.
 *
 * @example
 * class Mlp extends Module {
 *   readonly fc1: Linear
 *   readonly fc2: Linear
 *   constructor(dim: number, hidden: number, options: ModuleOptions) {
 *     super()
 *     this.fc1 = new Linear(dim, hidden, options)
 *     this.fc2 = new Linear(hidden, dim, options)
 *   }
 *   forward(x: Tensor): Tensor {
 *     return scope(() => this.fc2.forward(gelu(this.fc1.forward(x))))
 *   }
 * }
 */
export abstract class Module {
  #training = true

  get training(): boolean {
    return this.#training
  }
  /** Training mode for this module and all below it: dropout drops, drop path skips. */
  train(training = true): this {
    this.#training = training
    for (const [, child] of this.children()) child.train(training)
    return this
  }
  /** Evaluation mode for this module and all below it. */
  eval(): this {
    return this.train(false)
  }

  /** Properties that hold tensors which are saved but not trained, such as running statistics. */
  protected get bufferNames(): readonly string[] {
    return []
  }
  /** What `toString` shows behind the class's name. */
  protected get details(): string {
    return ''
  }

  /** Direct children, by state-dict name: `blocks.0`. */
  children(): [string, Module][] {
    const found: [string, Module][] = []
    const visit = (key: string, value: unknown): void => {
      if (value instanceof Module) found.push([key, value])
      else if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(`${key}.${i}`, item)
    }
    for (const [property, value] of Object.entries(this)) visit(parameterKey(property), value)
    return found
  }
  /** This module and all below it, each under its path; its own is ''. */
  namedModules(): [string, Module][] {
    const below = this.children().flatMap(([key, child]) =>
      child.namedModules().map(([path, module]): [string, Module] => [path === '' ? key : `${key}.${path}`, module]),
    )
    return [['', this], ...below]
  }
  /** This module and all below it. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module)
  }

  /** Tensors of this module alone, without those of its children. */
  ownTensors(kind: 'parameter' | 'buffer'): [string, Tensor][] {
    const buffers = this.bufferNames
    return Object.entries(this).flatMap(([property, value]): [string, Tensor][] =>
      value instanceof Tensor && buffers.includes(property) === (kind === 'buffer') ? [[parameterKey(property), value]] : [],
    )
  }
  /** Trainable tensors by name; one that is shared is listed once, under its first name. */
  namedParameters(): [string, Tensor][] {
    const seen = new Set<Tensor>()
    return this.namedModules().flatMap(([path, module]) =>
      module.ownTensors('parameter').flatMap(([key, tensor]): [string, Tensor][] => {
        if (seen.has(tensor)) return []
        seen.add(tensor)
        return [[path === '' ? key : `${path}.${key}`, tensor]]
      }),
    )
  }
  /** Trainable tensors, for an optimizer or `valueAndGrad`. They stay the module's: do not dispose them. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor)
  }
  /** Numbers to train. */
  parameterCount(): number {
    return this.parameters().reduce((n, tensor) => n + sizeOf(tensor.shape), 0)
  }

  /** Every parameter and buffer by name, in the order of PyTorch's state dict. The tensors stay the module's. */
  stateDict(): Map<string, Tensor> {
    return new Map(
      this.namedModules().flatMap(([path, module]) =>
        [...module.ownTensors('parameter'), ...module.ownTensors('buffer')].map(([key, tensor]): [string, Tensor] => [
          path === '' ? key : `${path}.${key}`,
          tensor,
        ]),
      ),
    )
  }
  /**
   * Fills parameters and buffers from an opened checkpoint, another module's state dict, or arrays; other float types
   * are converted. Every name, shape and type is checked before the first tensor is written, and tensors are read one at
   * a time.
   *
   * Rejects with `StateDictError` for entries that are missing, unexpected or of another shape, and with what reading an
   * entry rejects with; after the latter some tensors hold the new values.
   *
   * @example
   * await model.loadStateDict(stateDict(await openCheckpoint(source)))
   */
  async loadStateDict(source: StateSource, options: LoadOptions = {}): Promise<LoadReport> {
    return loadState(this.constructor.name, this.stateDict(), source, options)
  }

  /** Frees the parameters and buffers of this module and of all below it. Doing so twice is harmless. */
  dispose(): void {
    for (const module of this.modules())
      for (const [, tensor] of [...module.ownTensors('parameter'), ...module.ownTensors('buffer')]) tensor.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** The tree of modules with the shapes of their parameters; equal neighbours are drawn once. */
  toString(): string {
    const draw = (name: string, module: Module): TreeNode => ({
      name,
      label: `${module.constructor.name}${module.details === '' ? '' : `(${module.details})`}`,
      tensors: [...module.ownTensors('parameter'), ...module.ownTensors('buffer')].map(
        ([key, tensor]) => `${key} ${formatShape(tensor.shape)}`,
      ),
      parameters: module.parameterCount(),
      children: module.children().map(([key, child]) => draw(key, child)),
    })
    return renderTree(draw('', this))
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

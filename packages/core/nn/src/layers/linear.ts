import { add, matmul, ShapeError, scope, type Tensor, transpose } from '@scanline/tensor'
import { fillDefault } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface LinearOptions extends ModuleOptions {
  /** True unless told otherwise. */
  readonly bias?: boolean
}

/** `x · weightᵀ + bias` over the last axis: [..., in] → [..., out]. The weight is [out, in], as in PyTorch. */
export class Linear extends Module {
  weight: Tensor
  bias: Tensor | undefined

  constructor(inFeatures: number, outFeatures: number, { bias = true, ...options }: LinearOptions) {
    super()
    this.weight = parameter([outFeatures, inFeatures], options)
    this.bias = bias ? parameter([outFeatures], options) : undefined
    if (options.generator) fillDefault(this.weight, this.bias, options.generator)
  }
  get inFeatures(): number {
    return this.weight.shape[1]
  }
  get outFeatures(): number {
    return this.weight.shape[0]
  }
  protected override get details(): string {
    return `${this.inFeatures} → ${this.outFeatures}`
  }
  /** Throws `ShapeError` for another number of features. */
  forward(x: Tensor): Tensor {
    if (x.shape[x.rank - 1] !== this.inFeatures)
      throw new ShapeError(`Linear(${this.details}) needs a last axis of ${this.inFeatures}, got ${x}`)
    return scope(() => {
      const y = matmul(x, transpose(this.weight))
      return this.bias ? add(y, this.bias) : y
    })
  }
}

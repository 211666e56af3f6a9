import {
  type ActivationName,
  activation,
  Dropout,
  LayerNorm,
  Linear,
  Module,
  type ModuleOptions,
  replaceClassifier,
} from '@scanline/nn'
import { type Generator, type RandomStreams, ShapeError, scope, type Tensor } from '@scanline/tensor'
import { checkPool, type GlobalPool, pooled } from './global-pool.js'

export interface HeadOptions extends ModuleOptions {
  readonly globalPool?: GlobalPool
  /** Of the hidden layer. GELU in every published variant, also where the blocks use SiLU. */
  readonly act?: ActivationName
  /** Width of the hidden layer; four times the input's channels unless told otherwise. */
  readonly hiddenSize?: number
  /** Probability of dropping a hidden unit in training mode. */
  readonly dropout?: number
}

export interface HeadForwardOptions {
  /** Stop before the last linear layer. */
  readonly preLogits?: boolean
  readonly random?: RandomStreams
}

/** fc → activation → norm, if there is one → dropout: timm's `pre_logits`. */
export class HiddenLayer extends Module {
  readonly fc: Linear
  readonly norm: LayerNorm | undefined
  readonly dropout: Dropout | undefined
  readonly act: ActivationName

  constructor(
    inFeatures: number,
    hidden: number,
    {
      norm,
      act,
      dropout,
      ...options
    }: ModuleOptions & { readonly norm: boolean; readonly act: ActivationName; readonly dropout: number },
  ) {
    super()
    activation(act)
    this.fc = new Linear(inFeatures, hidden, options)
    this.norm = norm ? new LayerNorm(hidden, { eps: 1e-6, ...options }) : undefined
    this.dropout = dropout > 0 ? new Dropout(dropout) : undefined
    this.act = act
  }
  protected override get details(): string {
    return this.act
  }
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      let y = activation(this.act)(this.fc.forward(x))
      if (this.norm) y = this.norm.forward(y)
      return this.dropout ? this.dropout.forward(y, random) : y
    })
  }
}

/** Pool → norm → hidden layer → classifier, [N, H, W, C] → [N, classes]: what both heads share. */
abstract class ClassifierHead extends Module {
  readonly norm: LayerNorm
  readonly preLogits: HiddenLayer
  /** Absent for 0 classes: then the head gives the hidden layer's output. */
  fc: Linear | undefined
  #globalPool: GlobalPool

  constructor(
    inFeatures: number,
    numClasses: number,
    hiddenNorm: boolean,
    { globalPool = 'avg', act = 'gelu', hiddenSize = 4 * inFeatures, dropout = 0, ...options }: HeadOptions,
  ) {
    super()
    this.#globalPool = checkPool(globalPool)
    this.norm = new LayerNorm(inFeatures, { eps: 1e-6, ...options })
    this.preLogits = new HiddenLayer(inFeatures, hiddenSize, { norm: hiddenNorm, act, dropout, ...options })
    this.fc = numClasses > 0 ? new Linear(hiddenSize, numClasses, options) : undefined
  }
  get globalPool(): GlobalPool {
    return this.#globalPool
  }
  get numClasses(): number {
    return this.fc?.outFeatures ?? 0
  }
  get hiddenSize(): number {
    return this.preLogits.fc.outFeatures
  }
  protected override get details(): string {
    return `pool '${this.globalPool}'`
  }

  /** [N, H, W, C] → [N, C], or the map itself without pooling. */
  pool(x: Tensor): Tensor {
    if (x.rank !== 4) throw new ShapeError(`the head needs a feature map [N, H, W, C], got ${x}`)
    return pooled(x, this.globalPool)
  }
  forward(x: Tensor, { preLogits = false, random }: HeadForwardOptions = {}): Tensor {
    return scope(() => {
      const hidden = this.preLogits.forward(this.norm.forward(this.pool(x)), random)
      return preLogits || !this.fc ? hidden : this.fc.forward(hidden)
    })
  }
  /** Replaces the classifier; see `MambaOut.resetClassifier`. */
  reset(numClasses: number, globalPool: GlobalPool = this.globalPool, generator?: Generator): void {
    this.#globalPool = checkPool(globalPool)
    const { device, dtype } = this.norm.weight
    const options = { device, dtype, training: this.training, ...(generator && { generator }) }
    this.fc = replaceClassifier(this.fc, this.hiddenSize, numClasses, options)
  }
}

/** The head of the published variants: its hidden layer has a norm behind the activation. Pools by mean or not at all, as in timm. */
export class MlpHead extends ClassifierHead {
  constructor(inFeatures: number, numClasses: number, options: HeadOptions) {
    super(inFeatures, numClasses, true, options)
  }
  // timm's MlpHead takes every other pool type for none.
  override pool(x: Tensor): Tensor {
    return this.globalPool === 'avg' ? super.pool(x) : x.alias()
  }
}

/** The head of timm's own variants: no norm in the hidden layer. */
export class ClNormMlpClassifierHead extends ClassifierHead {
  constructor(inFeatures: number, numClasses: number, options: HeadOptions) {
    super(inFeatures, numClasses, false, options)
  }
}

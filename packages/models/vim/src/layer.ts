import { DropPath, LayerNorm, Module, type ModuleOptions, RmsNorm } from '@scanline/nn'
import { add, addNorm, cast, layerNorm, type RandomStreams, rmsNorm, scope, type Tensor } from '@scanline/tensor'
import { VimMixer, type VimMixerOptions } from '@scanline/vim-mixer'

/** The two streams that a layer maps: what the last mixer gave, and the sum of all before it. */
export interface Streams {
  readonly hidden: Tensor
  /** Absent before the first layer. */
  readonly residual: Tensor | undefined
}

export interface NormChoice {
  readonly rmsNorm: boolean
  readonly normEps: number
}

export interface VimLayerOptions extends VimMixerOptions, NormChoice {
  /** Of what the layer before gave, in training mode. */
  readonly dropPath: number
}

export type Norm = RmsNorm | LayerNorm

export const createNorm = (dim: number, { rmsNorm, normEps: eps }: NormChoice, options: ModuleOptions): Norm =>
  rmsNorm ? new RmsNorm(dim, { eps, ...options }) : new LayerNorm(dim, { eps, ...options })

/** residual + hidden. Narrower types are summed in float32, whatever the computation's type. */
export function addResidual({ hidden, residual }: Streams): Tensor {
  const wide = hidden.dtype === 'f64' ? hidden : cast(hidden, 'f32')
  return residual ? add(residual, wide) : wide.alias()
}

/** Norm of the residual, in its type; the result has the type of the norm's parameters, that of the computation. */
export function normOf(norm: Norm, residual: Tensor): Tensor {
  const { weight, eps } = norm
  const { dtype } = residual
  if (weight.dtype === dtype) return norm.forward(residual)
  const wide = cast(weight, dtype)
  const y = 'bias' in norm ? layerNorm(residual, wide, cast(norm.bias, dtype), eps) : rmsNorm(residual, wide, eps)
  return cast(y, weight.dtype)
}

/** Their sum, and its norm, in one step where all is of one type that sums may have. */
export function addNormOf(norm: Norm, streams: Streams): { readonly y: Tensor; readonly sum: Tensor } {
  const { hidden, residual } = streams
  const { weight, eps } = norm
  const narrow = hidden.dtype !== 'f32' && hidden.dtype !== 'f64'
  if (narrow || weight.dtype !== hidden.dtype || (residual && residual.dtype !== hidden.dtype)) {
    const sum = addResidual(streams)
    return { y: normOf(norm, sum), sum }
  }
  return addNorm(
    hidden,
    residual,
    'bias' in norm ? { norm: 'layer', weight, bias: norm.bias, eps } : { norm: 'rms', weight, eps },
  )
}

/** residual + drop path(hidden) → norm → mixer: Vim's Block. */
export class VimLayer extends Module {
  readonly mixer: VimMixer
  readonly norm: Norm
  readonly dropPath: DropPath | undefined

  constructor(dim: number, { rmsNorm, normEps, dropPath, ...options }: VimLayerOptions) {
    super()
    const { device, dtype, generator } = options
    this.mixer = new VimMixer(dim, options)
    this.norm = createNorm(dim, { rmsNorm, normEps }, { device, ...(dtype && { dtype }), ...(generator && { generator }) })
    this.dropPath = dropPath > 0 ? new DropPath(dropPath) : undefined
  }
  /** The mixer's output, and the sum before the norm. */
  forward({ hidden, residual }: Streams, random?: RandomStreams): { readonly hidden: Tensor; readonly residual: Tensor } {
    return scope(() => {
      const branch = residual && this.dropPath ? this.dropPath.forward(hidden, random) : hidden
      const { y, sum } = addNormOf(this.norm, { hidden: branch, residual })
      return { hidden: this.mixer.forward(y), residual: sum }
    })
  }
}

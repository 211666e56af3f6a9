import {
  add,
  causalConv1d,
  layerNorm,
  mul,
  permute,
  rmsNorm,
  selectiveScan,
  selectiveScanWithState,
  type Tensor,
  transpose,
} from '@scanline/tensor'
import type { Field } from '../field.js'

export type Inputs = Readonly<Record<string, Tensor | undefined>>

export type Outputs = Readonly<Record<string, Tensor>>

/** An op of a file: what its inputs are called there, and its outputs from inputs in the file's layout. */
export interface OpCase {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** Fields of a case that `build` reads. */
  readonly flags: readonly string[]
  /** Reads a case's flags. */
  build(flags: Field): (inputs: Inputs) => Outputs
}

/** (B, D, L), and of grouped b and c (B, G, N, L), to channels last. */
const channelsLast = (x: Tensor): Tensor => (x.rank === 4 ? permute(x, [0, 3, 1, 2]) : transpose(x))

const scanInputs = ['u', 'delta', 'A', 'B', 'C', 'D', 'delta_bias'] as const

/** One direction, whose inputs end in `suffix`; the gate is shared. */
function scan(inputs: Inputs, suffix: string, deltaSoftplus: boolean, reverse: boolean) {
  const of = (name: string) => inputs[`${name}${suffix}`]
  const last = (x: Tensor | undefined) => channelsLast(x as Tensor)
  const args = [last(of('u')), last(of('delta')), of('A') as Tensor, last(of('B')), last(of('C'))] as const
  const z = inputs.z && channelsLast(inputs.z)
  return [args, { d: of('D'), z, deltaBias: of('delta_bias'), deltaSoftplus, reverse }] as const
}

const selectiveScanCase: OpCase = {
  required: ['u', 'delta', 'A', 'B', 'C'],
  optional: ['D', 'z', 'delta_bias', ...scanInputs.map((name) => `${name}_b`)],
  flags: ['softplus'],
  build: (flags) => {
    const softplus = flags.maybe('softplus')?.boolean() ?? false
    return (inputs): Outputs => {
      const [args, options] = scan(inputs, '', softplus, false)
      if (!inputs.u_b) {
        const { y, lastState } = selectiveScanWithState(...args, options)
        return { out: transpose(y), last_state: lastState }
      }
      const [backArgs, backOptions] = scan(inputs, '_b', softplus, true)
      const both = add(selectiveScan(...args, options), selectiveScan(...backArgs, backOptions))
      return { out: transpose(mul(both, 0.5)) }
    }
  },
}

const causalConv1dCase: OpCase = {
  required: ['x', 'weight'],
  optional: ['bias'],
  flags: ['activation'],
  build: (flags) => {
    const activation = flags.maybe('activation')?.oneOf('silu', 'swish') ? ('silu' as const) : undefined
    return ({ x, weight, bias }) => ({
      out: transpose(causalConv1d(transpose(x as Tensor), weight as Tensor, bias, { activation })),
    })
  },
}

const layer = (x: Tensor, weight: Tensor, bias: Tensor | undefined, eps: number): Tensor =>
  bias ? layerNorm(x, weight, bias, eps) : mul(layerNorm(x, undefined, undefined, eps), weight)

const rms = (x: Tensor, weight: Tensor, bias: Tensor | undefined, eps: number): Tensor => {
  const y = rmsNorm(x, weight, eps)
  return bias ? add(y, bias) : y
}

const addNormCase: OpCase = {
  required: ['x', 'weight'],
  optional: ['residual', 'bias'],
  flags: ['norm', 'eps', 'prenorm'],
  build: (flags) => {
    const norm = flags.at('norm').oneOf('rms', 'layer')
    const eps = flags.at('eps').number()
    const prenorm = flags.maybe('prenorm')?.boolean() ?? false
    return ({ x, residual, weight, bias }): Outputs => {
      // An output of its own, also where it is the input.
      const total = residual ? add(x as Tensor, residual) : (x as Tensor).alias()
      const out = norm === 'layer' ? layer(total, weight as Tensor, bias, eps) : rms(total, weight as Tensor, bias, eps)
      return prenorm ? { out, residual_out: total } : { out }
    }
  },
}

export const opCases: Readonly<Record<string, OpCase>> = {
  selective_scan: selectiveScanCase,
  causal_conv1d: causalConv1dCase,
  add_norm: addNormCase,
}

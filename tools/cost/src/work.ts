import { type Expr, sizeOf } from '@scanline/tensor'
import { CostError } from './errors.js'
import type { Call } from './record.js'

/**
 * Where multiply-adds come from. `linear`: a product with weights; `matmul`: of two values that depend on the image;
 * `conv1d`: along a sequence; `attention`: queries with keys and weights with values; `scan`: decay and input of each state,
 * its part of the output, and the skip; `none`: nothing in it multiplies and adds.
 */
export const kinds = ['linear', 'conv2d', 'conv1d', 'matmul', 'attention', 'scan', 'none'] as const
export type Kind = (typeof kinds)[number]

/** What one op costs. */
export interface Work {
  readonly kind: Kind
  /** Multiply-adds: a product whose result is added to a sum. */
  readonly macs: number
  /** All arithmetic: two for each multiply-add, one for any other addition, product, comparison or function. */
  readonly flops: number
}

const taps = ({ inputs: [, w] }: Call, from: number): number => sizeOf(w.shape.slice(from))
const outputSize = ({ outputs: [out] }: Call): number => sizeOf(out.shape)
const along1d = ({ inputs: [x, w] }: Call): boolean => x.shape[1] === 1 && w.shape[2] === 1 && w.shape[3] > 1

/** States that a scan updates: positions × channels × states of each. */
export const scanStates = ({ inputs: [u, , a] }: Call): number => sizeOf(u.shape) * a.shape[1]

const products: Readonly<Record<string, (call: Call) => Pick<Work, 'kind' | 'macs'>>> = {
  matmul: (call) => {
    const [a] = call.inputs
    return {
      kind: call.constant.slice(0, 2).some(Boolean) ? 'linear' : 'matmul',
      macs: outputSize(call) * a.shape[a.shape.length - 1],
    }
  },
  conv2d: (call) => ({ kind: along1d(call) ? 'conv1d' : 'conv2d', macs: outputSize(call) * taps(call, 1) }),
  depthwiseConv2d: (call) => ({ kind: along1d(call) ? 'conv1d' : 'conv2d', macs: outputSize(call) * taps(call, 2) }),
  attention: (call) => {
    const [q, k] = call.inputs
    const keys = k.shape[k.shape.length - 2]
    return { kind: 'attention', macs: keys * (sizeOf(q.shape) + outputSize(call)) }
  },
  // Of the seven operations for a state the exponential, its argument and the product of input and step stand alone.
  selectiveScan: (call) => ({
    kind: 'scan',
    macs: 2 * scanStates(call) + (call.attrs.skip ? sizeOf(call.inputs[0].shape) : 0),
  }),
}

/** Ops of a forward pass in which nothing multiplies and adds. */
const withoutProducts = [
  'pointwise',
  'layerNorm',
  'rmsNorm',
  'softmax',
  'logSoftmax',
  'reduce',
  'maxPool2d',
  'avgPool2d',
  'cast',
  'copy',
  'concat',
  'flip',
  'gather',
  'pad',
  'uniform',
  'unfold',
  'reshape',
  'permute',
  'broadcast',
  'slice',
]

/** Ops whose multiply-adds are known; others count as what they decompose into. */
export const knownOps: ReadonlySet<string> = new Set([...Object.keys(products), ...withoutProducts])

/** Throws `CostError` for an op whose multiply-adds nobody has written down. */
export function workOf(call: Call): Work {
  const { op, inputs, outputs, attrs } = call
  if (!knownOps.has(op.name))
    throw new CostError(
      `the multiply-adds of op "${op.name}" are not known and it has no decomposition; add it to tools/cost/src/work.ts`,
    )
  const flops = op.flops(inputs, outputs, attrs)
  return { ...(products[op.name]?.(call) ?? { kind: 'none', macs: 0 }), flops }
}

/** A call and what it costs. */
export type CountedCall = Call & Work

/** Throws as `workOf` does. */
export const countCalls = (calls: readonly Call[]): CountedCall[] => calls.map((call) => ({ ...call, ...workOf(call) }))

/** What ReLU, GELU (by erf or tanh) and SiLU are made of, and no other pointwise op of the models. */
const activationParts: readonly string[] = ['max', 'select', 'erf', 'tanh', 'sigmoid']

/** Whether a call is an activation: ReLU, GELU or SiLU. */
export const isActivation = ({ op, attrs }: Call): boolean =>
  op.name === 'pointwise' && (attrs.expr as Expr).some(([name]) => activationParts.includes(name))

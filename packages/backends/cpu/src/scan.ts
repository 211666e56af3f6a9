import {
  type Attrs,
  contiguousStrides,
  isContiguous,
  type OpCall,
  type ScanAttrs,
  scanOperands,
  scanSizes,
  type TensorSpec,
} from '@scanline/tensor'
import { innermostContiguous, packInputs } from './pack-inputs.js'

/** A scan as native/simd/scan.h reads it. */
export type ScanParams = {
  readonly batch: number
  readonly length: number
  readonly channels: number
  readonly states: number
  readonly groups: number
  readonly skip: boolean
  readonly gate: boolean
  readonly bias: boolean
  readonly softplus: boolean
  readonly reverse: boolean
  readonly lastState: boolean
  /** Strides of all axes but the innermost, of every input. */
  readonly outer: readonly (readonly number[])[]
}

/** What the kernels of a selective scan have in common: sizes, where inputs lie, and which of them must be packed. */
export function selectScan({ inputs, attrs }: OpCall) {
  const { skip, gate, bias, softplus, reverse, lastState } = attrs as Attrs as ScanAttrs
  const { u, a, b } = scanOperands(inputs, { skip, gate, bias })
  const { batch, length, channels, states, groups } = scanSizes(u, a, b)
  const params: ScanParams = {
    ...{ batch, length, channels, states, groups },
    ...{ skip, gate, bias, softplus, reverse, lastState },
    outer: inputs.map(outerStrides),
  }
  return { params, ...packInputs(inputs, (x) => !direct(x) && !isContiguous(x.shape, x.strides)) }
}

// Neighbouring channels are read as vectors, rows of b and c as runs; a, d and the bias are small.
const direct = (x: TensorSpec) => x.shape.length > 2 && innermostContiguous(x)

const outerStrides = (x: TensorSpec): readonly number[] => (direct(x) ? x.strides : contiguousStrides(x.shape)).slice(0, -1)

/** Where one more sequence [N, L, D] lies, input number `input`. */
export const sequenceLayout = (x: TensorSpec, input: number) => ({
  outer: outerStrides(x),
  prepare: (packInputs([x], (t) => !direct(t)).prepare ?? []).map((one) => ({ ...one, input })),
})

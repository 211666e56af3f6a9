import {
  bytesPerElement,
  type DType,
  isContiguous,
  type OpCall,
  type Prepare,
  type Refusal,
  sizeOf,
  type TensorSpec,
} from '@scanline/tensor'
import { copyLaunch } from './kernels/copy.js'

/** Element types that a kernel can move by their width alone. */
export const movable: readonly DType[] = ['f32', 'i32', 'i64', 'u8', 'bool', 'f16', 'bf16']

/** A refusal unless the tensors, by default all of the call, have one of `dtypes`. */
export function refuseTypes(
  { op, inputs, outputs }: OpCall,
  dtypes: readonly DType[],
  tensors: readonly TensorSpec[] = [...inputs, ...outputs],
): Refusal | undefined {
  const odd = tensors.find((t) => !dtypes.includes(t.dtype))
  if (!odd) return undefined
  const hint = odd.dtype === 'f64' ? 'f64 exists on the reference backend only; cast() to f32' : 'cast() it'
  return { refused: `${op} is written for ${dtypes.join(', ')}, not ${odd.dtype}; ${hint}` }
}

/** Contiguous copies of those inputs that `wanted` (by default every strided one) asks for; nothing where none is needed. */
export function packInputs(
  inputs: readonly TensorSpec[],
  wanted: (x: TensorSpec) => boolean = ({ shape, strides }) => !isContiguous(shape, strides),
): { readonly prepare?: readonly Prepare[] } {
  const prepare = inputs.flatMap((x, input) =>
    wanted(x) ? [{ input, launch: copyLaunch(x), bytes: sizeOf(x.shape) * bytesPerElement[x.dtype] }] : [],
  )
  return prepare.length > 0 ? { prepare } : {}
}

/** True where the innermost axis steps by one element, or has nothing to step to. */
export const innermostContiguous = ({ shape, strides }: TensorSpec): boolean => (shape.at(-1) ?? 1) <= 1 || strides.at(-1) === 1

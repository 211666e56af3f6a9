import type { DType, OpCall, Refusal, TensorSpec } from '@scanline/tensor'

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

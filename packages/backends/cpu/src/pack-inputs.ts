import { bytesPerElement, isContiguous, type Prepare, sizeOf, type TensorSpec } from '@scanline/tensor'
import { copyLaunch } from './kernels/copy.js'

/** Contiguous copies of those inputs that `wanted` (by default every strided one) asks for; nothing where none is needed. */
export function packInputs(
  inputs: readonly TensorSpec[],
  wanted: (x: TensorSpec, input: number) => boolean = ({ shape, strides }) => !isContiguous(shape, strides),
): { readonly prepare?: readonly Prepare[] } {
  const prepare = inputs.flatMap((x, input) =>
    wanted(x, input) ? [{ input, launch: copyLaunch(x), bytes: sizeOf(x.shape) * bytesPerElement[x.dtype] }] : [],
  )
  return prepare.length > 0 ? { prepare } : {}
}

/** True where the innermost axis steps by one element, or has nothing to step to. */
export const innermostContiguous = ({ shape, strides }: TensorSpec): boolean => (shape.at(-1) ?? 1) <= 1 || strides.at(-1) === 1

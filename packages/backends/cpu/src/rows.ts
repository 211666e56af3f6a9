import { type Prepare, sizeOf, type TensorSpec } from '@scanline/tensor'
import { copyLaunch } from './kernels/copy.js'

/** Tensors as matrices of all leading axes by the last, with copies of those whose rows are not evenly spaced; strides in elements. */
export function asRows(
  tensors: readonly TensorSpec[],
  firstInput: number,
  fits: (rows: { readonly row: number; readonly column: number }) => boolean = () => true,
): { rows: { readonly row: number; readonly column: number }[]; prepare: Prepare[] } {
  const prepare: Prepare[] = []
  const rows = tensors.map((tensor, i) => {
    const column = tensor.strides[tensor.strides.length - 1]
    const row = evenStride(tensor.shape.slice(0, -1), tensor.strides)
    if (row !== undefined && fits({ row, column })) return { row, column }
    prepare.push({ input: firstInput + i, launch: copyLaunch(tensor), bytes: 4 * sizeOf(tensor.shape) })
    return { row: tensor.shape[tensor.shape.length - 1], column: 1 }
  })
  return { rows, prepare }
}

/** The one step that leads through all of `shape` in order, if there is one. */
function evenStride(shape: readonly number[], strides: readonly number[]): number | undefined {
  let step: number | undefined
  let length = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue
    step ??= strides[axis]
    if (strides[axis] !== step * length) return undefined
    length *= shape[axis]
  }
  return step ?? 0
}

import { contiguousStrides, type Expr, type Prepare, sizeOf } from '@scanline/tensor'
import { planEpilogue } from '../epilogue.js'
import { inBf16, type KernelSpec, type Params } from '../kernel.js'
import { copyLaunch } from './copy.js'
import { packLaunch, paddedColumns, wordsOf } from './pack-matrix.js'

const last = <T>(list: readonly T[], back = 1): T => list[list.length - back]

/** Matrix product with the right side packed into panels beforehand and the epilogue applied as results are stored. */
export const matmul: KernelSpec = {
  name: 'matmul',
  op: 'matmul',
  select(call, target) {
    const {
      inputs,
      outputs: [out],
      attrs,
    } = call
    const bf16 = inBf16(call, target)
    const [a, b, ...extras] = inputs
    const other = inputs.find((x) => x.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const depth = last(a.shape)
    const columns = last(out.shape)
    const prepare: Prepare[] = []
    let aStrides = a.strides
    if (depth > 1 && last(a.strides) !== 1) {
      aStrides = contiguousStrides(a.shape)
      prepare.push({ input: 0, launch: copyLaunch(a), bytes: 4 * sizeOf(a.shape) })
    }
    const { dims, strides, rows, rowStrides } = mergeRows(out.shape, [
      aStrides,
      // One matrix for all rows, or one for each choice of leading axes.
      b.shape.length === 2 ? out.shape.map(() => 0) : [...b.strides.slice(0, -2), 0, 0],
      contiguousStrides(out.shape),
      ...extras.map((e) => e.strides),
    ])
    const packing = {
      ...distinct(dims, strides[1]),
      rowDims: [depth],
      rowStrides: [last(b.strides, 2)],
      columns,
      columnStride: last(b.strides),
    }
    prepare.push({ input: 1, ...packLaunch(packing, target, bf16) })
    strides[1] = packedStrides(dims, strides[1], wordsOf(depth, bf16) * paddedColumns(columns, target))
    const epilogue = planEpilogue(
      attrs.epilogue as Expr | undefined,
      extras.map((e, i) => ({ row: rowStrides[3 + i], column: last(e.strides) })),
    )
    const params: Params = { dims, strides, rows, depth, columns, rowStride: rowStrides[0], bf16, ...epilogue }
    return { kernel: 'matmul', params, prepare }
  },
}

/** Leading axes over which every tensor steps on as its rows do become rows: with one right side there is one product. */
function mergeRows(shape: readonly number[], strides: readonly (readonly number[])[]) {
  let axis = shape.length - 2
  let rows = shape[axis]
  const rowStrides = strides.map((s) => s[axis])
  while (axis > 0 && strides.every((s, t) => s[axis - 1] === rowStrides[t] * rows)) rows *= shape[--axis]
  return { dims: shape.slice(0, axis), strides: strides.map((s) => s.slice(0, axis)), rows, rowStrides }
}

/** The axes along which there are different matrices. */
function distinct(dims: readonly number[], strides: readonly number[]): { dims: number[]; strides: number[] } {
  const kept = dims.map((_, i) => i).filter((i) => strides[i] !== 0)
  return { dims: kept.map((i) => dims[i]), strides: kept.map((i) => strides[i]) }
}

/** Strides of the packed matrices, `size` elements each, one for every distinct matrix. */
function packedStrides(dims: readonly number[], strides: readonly number[], size: number): number[] {
  let next = size
  const packed = strides.map(() => 0)
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    if (strides[axis] === 0) continue
    packed[axis] = next
    next *= dims[axis]
  }
  return packed
}

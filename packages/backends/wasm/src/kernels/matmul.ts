import { contiguousStrides, type Expr, type OpCall, type Prepare, sizeOf } from '@scanline/tensor'
import { i32, minU } from '../assembler/index.js'
import { exprCost } from '../emit-expr.js'
import { emitStrip, paddedColumns, panelColumns, rowBlock, type TileShape, tileFor } from '../gemm.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element, offsets } from '../layout.js'
import { type ExtraStrides, storeTile } from '../tile-store.js'
import { copyLaunch } from './copy.js'
import { packLaunch } from './pack-matrix.js'

interface MatmulParams extends Split {
  /** Axes that pick the matrices, and the strides along them, in elements, of A, packed B, output and extras. */
  readonly dims: readonly number[]
  readonly strides: readonly (readonly number[])[]
  readonly rows: number
  readonly depth: number
  readonly columns: number
  /** Elements from a row of A to the next. */
  readonly rowStride: number
  /** Elements from one of a row to the next: 1, or the other way round in a transposed A. */
  readonly step: number
  readonly extras: readonly ExtraStrides[]
  readonly epilogue?: Expr
  readonly tile: TileShape
  /** Rows that go through one group of panels at a time. An item is one such block of rows and group of panels. */
  readonly block: number
}

/** Depth up to which a transposed A needs no copy: 16 KiB for each cache line of rows. */
const shallow = 256

const last = <T>(list: readonly T[], back = 1): T => list[list.length - back]

/** Matrix product with the right side packed into panels beforehand and the epilogue applied as results are stored. */
export const matmul = defineKernel<MatmulParams>({
  name: 'matmul',
  op: 'matmul',
  select({ inputs, outputs: [out], attrs }: OpCall, capabilities) {
    const [a, b, ...extras] = inputs
    const other = inputs.find((x) => x.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const depth = last(a.shape)
    const columns = last(out.shape)
    const prepare: Prepare[] = []
    let aStrides = a.strides
    // A transposed A is read as it lies where a strip of it stays in the nearest cache.
    const transposed = depth <= shallow && last(a.strides, 2) === 1
    if (depth > 1 && last(a.strides) !== 1 && !transposed) {
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
    const tile = tileFor(rows)
    const packed = packLaunch(
      {
        ...distinct(dims, strides[1]),
        rowDims: [depth],
        rowStrides: [last(b.strides, 2)],
        columns,
        columnStride: last(b.strides),
      },
      tile,
    )
    prepare.push({ input: 1, ...packed })
    strides[1] = packedStrides(dims, strides[1], depth * paddedColumns(columns, tile))
    const epilogue = attrs.epilogue as Expr | undefined
    const block = rowBlock(rows, depth, tile, capabilities.threads)
    const items = sizeOf(dims) * Math.ceil(rows / block) * (paddedColumns(columns, tile) / panelColumns / tile.panels)
    const cost = 2 * tile.panels * block * (2 * depth + (epilogue ? exprCost(epilogue) : 0))
    return {
      kernel: 'matmul',
      params: {
        ...split(rows === 0 ? 0 : items, cost),
        dims,
        strides,
        rows,
        depth,
        columns,
        rowStride: rowStrides[0],
        step: last(aStrides),
        extras: extras.map((e, i) => ({ row: rowStrides[3 + i], column: last(e.strides) })),
        epilogue,
        tile,
        block,
      },
      prepare,
    }
  },
  emit: (k, { dims, strides, rows, depth, columns, rowStride, step, extras, epilogue, tile, block }) =>
    k.define(3 + extras.length, (f, pointers, { begin, end }) => {
      const groups = paddedColumns(columns, tile) / panelColumns / tile.panels
      const blocks = Math.ceil(rows / block)
      f.for(begin, end, 1, (item) => {
        const rest = f.let(i32.div_u(item, groups))
        const group = f.let(i32.sub(item, i32.mul(rest, groups)))
        const matrix = f.let(i32.div_u(rest, blocks))
        const first = f.let(i32.mul(i32.sub(rest, i32.mul(matrix, blocks)), block))
        const stop = f.let(minU(i32.add(first, block), rows))
        const column = f.let(i32.mul(group, tile.panels * panelColumns))
        const starts = offsets(f, matrix, dims, strides)
        // Pointers come as A, B, extras, output; strides as A, B, output, extras.
        const a = f.let(element(pointers[0], starts[0], 4))
        const b = f.let(i32.add(element(pointers[1], starts[1], 4), i32.mul(column, 4 * depth)))
        const out = f.let(element(pointers[2 + extras.length], starts[2], 4))
        const sources = extras.map((e, i) => ({ ...e, pointer: f.let(element(pointers[2 + i], starts[3 + i], 4)) }))
        const tiles = Math.ceil(block / tile.rows)
        const width = 4 * tile.panels * panelColumns * depth
        const next = tiles < 8 ? undefined : f.let(i32.add(b, i32.mul(i32.lt_u(group, groups - 1), width)))
        emitStrip(k, f, {
          ...(next && { next: { b: next, tiles } }),
          tile,
          depth,
          a: (row) => element(a, row, 4 * rowStride),
          rowBytes: 4 * rowStride,
          stepBytes: 4 * step,
          b,
          begin: first,
          end: stop,
          totalRows: rows,
          store: (row, sums) => storeTile(k, f, { out, columns, epilogue, extras: sources }, row, column, sums),
        })
      })
    }),
})

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
  return dims
    .map((d, i) => [d, strides[i]])
    .reverse()
    .map(([d, stride]) => {
      const own = stride === 0 ? 0 : next
      if (stride !== 0) next *= d
      return own
    })
    .reverse()
}

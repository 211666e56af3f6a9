import { sizeOf } from '@scanline/tensor'
import { f32, i32, type Local } from '../assembler/index.js'
import { paddedColumns, panelColumns, type TileShape } from '../gemm.js'
import { defineKernel, type LaunchOf, type Split, split } from '../kernel.js'
import { element, offsets } from '../layout.js'

interface PackParams extends Split {
  /** Axes that hold one matrix after the other, and their strides. */
  readonly dims: readonly number[]
  readonly strides: readonly number[]
  /** Axes that together are the rows, outermost first, and their strides. */
  readonly rowDims: readonly number[]
  readonly rowStrides: readonly number[]
  readonly columns: number
  readonly columnStride: number
  /** Panels of a matrix, those that only pad included. */
  readonly panels: number
}

export type Packing = Omit<PackParams, 'panels' | keyof Split>

/** The launch that packs matrices [depth, columns] for tiles of a shape, and the bytes it takes. */
export function packLaunch(matrix: Packing, tile: TileShape): { launch: LaunchOf<PackParams>; bytes: number } {
  const padded = paddedColumns(matrix.columns, tile)
  const panels = padded / panelColumns
  const depth = sizeOf(matrix.rowDims)
  const params = { ...matrix, panels, ...split(sizeOf(matrix.dims) * panels, 8 * depth) }
  return { launch: { kernel: 'packMatrix', params }, bytes: 4 * sizeOf(matrix.dims) * depth * padded }
}

/** Matrices as panels of 8 columns, each panel row after row, so that a tile's reads follow each other. Zeros pad. */
export const packMatrix = defineKernel<PackParams>({
  name: 'packMatrix',
  emit: (k, { dims, strides, rowDims, rowStrides, columns, columnStride, panels }) =>
    k.define(2, (f, [input, output], { begin, end }) => {
      const ragged = panels * panelColumns !== columns
      f.for(begin, end, 1, (item) => {
        const matrix = f.let(i32.div_u(item, panels))
        const column = f.let(i32.mul(i32.sub(item, i32.mul(matrix, panels)), panelColumns))
        const [start] = offsets(f, matrix, dims, [strides])
        const to = f.let(element(output, i32.mul(item, sizeOf(rowDims)), 4 * panelColumns))
        const row = (from: Local<'i32'>) => {
          for (let c = 0; c < panelColumns; c++) {
            const copy = () => f.store.f32(to, f32.load(from, 4 * c * columnStride), 4 * c)
            if (ragged) f.if(i32.lt_u(i32.add(column, c), columns), copy, () => f.store.f32(to, 0, 4 * c))
            else copy()
          }
          f.set(to, i32.add(to, 4 * panelColumns))
        }
        const nest = (axis: number, from: Local<'i32'>) => {
          if (axis === rowDims.length) return row(from)
          const at = f.let<'i32'>(from)
          f.for(0, rowDims[axis], 1, () => {
            nest(axis + 1, at)
            f.set(at, i32.add(at, 4 * rowStrides[axis]))
          })
        }
        nest(0, f.let(element(input, i32.add(start, i32.mul(column, columnStride)), 4)))
      })
    }),
})

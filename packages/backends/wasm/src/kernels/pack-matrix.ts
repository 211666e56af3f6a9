import { sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32, i8x16, i32, type Local, v128 } from '../assembler/index.js'
import { paddedColumns, panelColumns, type TileShape } from '../gemm.js'
import { defineKernel, type LaunchOf, type Split, split } from '../kernel.js'
import { element, offsets } from '../layout.js'
import { bytes } from '../vectors.js'

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
        const whole = (copy: () => void, part: () => void) =>
          ragged ? f.if(i32.le_u(i32.add(column, panelColumns), columns), copy, part) : copy()
        const eachRow = (from: Local<'i32'>, rows: number, stride: number, copy: (at: Local<'i32'>) => void) =>
          f.for(0, rows, 1, () => {
            copy(from)
            f.set(from, i32.add(from, 4 * stride))
            f.set(to, i32.add(to, 4 * panelColumns))
          })
        const byElement = (from: Local<'i32'>) => {
          for (let c = 0; c < panelColumns; c++) {
            const copy = () => f.store.f32(to, f32.load(from, 4 * c * columnStride), 4 * c)
            if (ragged) f.if(i32.lt_u(i32.add(column, c), columns), copy, () => f.store.f32(to, 0, 4 * c))
            else copy()
          }
        }
        const innermost = (from: Local<'i32'>, rows: number, stride: number) => {
          const slow = (count: number) => eachRow(from, count, stride, byElement)
          if (columnStride === 1) {
            const copy = (at: Local<'i32'>) => {
              for (const half of [0, 16]) f.store.v128(to, v128.load(at, half), half)
            }
            whole(
              () => eachRow(from, rows, stride, copy),
              () => slow(rows),
            )
          } else if (stride === 1 && rows >= 4) {
            whole(
              () => {
                f.for(0, rows >> 2, 1, () => {
                  for (const half of [0, 4]) {
                    const four = [0, 1, 2, 3].map((c) => f.let(v128.load(from, 4 * (half + c) * columnStride)))
                    for (const [r, row] of transpose(f, four).entries()) f.store.v128(to, row, 4 * (r * panelColumns + half))
                  }
                  f.set(from, i32.add(from, 16))
                  f.set(to, i32.add(to, 16 * panelColumns))
                })
                slow(rows % 4)
              },
              () => slow(rows),
            )
          } else slow(rows)
        }
        const nest = (axis: number, from: Local<'i32'>) => {
          const at = f.let<'i32'>(from)
          if (axis >= rowDims.length - 1) return innermost(at, rowDims[axis] ?? 1, rowStrides[axis] ?? 0)
          f.for(0, rowDims[axis], 1, () => {
            nest(axis + 1, at)
            f.set(at, i32.add(at, 4 * rowStrides[axis]))
          })
        }
        nest(0, f.let(element(input, i32.add(start, i32.mul(column, columnStride)), 4)))
      })
    }),
})

/** Four vectors as the rows of a matrix, turned into its columns. */
function transpose(f: FunctionBuilder, [a, b, c, d]: readonly Local<'v128'>[]): Local<'v128'>[] {
  const pick = (x: Local<'v128'>, y: Local<'v128'>, lanes: readonly number[]) =>
    f.let(
      i8x16.shuffle(
        x,
        y,
        bytes((i) => lanes[i]),
      ),
    )
  const [low, high] = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ].map((lanes) => [pick(a, b, lanes), pick(c, d, lanes)])
  return [low, high].flatMap(([ab, cd]) => [pick(ab, cd, [0, 1, 4, 5]), pick(ab, cd, [2, 3, 6, 7])])
}

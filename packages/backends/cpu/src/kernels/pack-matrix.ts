import { type Prepare, sizeOf } from '@scanline/tensor'
import type { KernelSpec, Target } from '../kernel.js'

export type Packing = {
  /** Axes that hold one matrix after the other, and their strides. */
  readonly dims: readonly number[]
  readonly strides: readonly number[]
  /** Axes that together are the depth, outermost first, and their strides. */
  readonly rowDims: readonly number[]
  readonly rowStrides: readonly number[]
  readonly columns: number
  readonly columnStride: number
}

/** Columns as a packed matrix has them: whole vectors. */
export const paddedColumns = (columns: number, { lanes }: Target): number => Math.ceil(columns / lanes) * lanes

/** The launch that packs matrices [depth, columns], and the bytes it takes. */
export function packLaunch(matrix: Packing, target: Target): Pick<Prepare, 'launch' | 'bytes'> {
  const elements = sizeOf(matrix.dims) * sizeOf(matrix.rowDims) * paddedColumns(matrix.columns, target)
  return { launch: { kernel: 'packMatrix', params: matrix }, bytes: 4 * elements }
}

/** Matrices as the panels that tiles of a product read. */
export const packMatrix: KernelSpec = { name: 'packMatrix' }

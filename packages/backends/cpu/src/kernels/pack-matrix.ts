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

/** 32-bit words to a column: an element each, or a pair of bfloat16. */
export const wordsOf = (depth: number, bf16: boolean): number => (bf16 ? Math.ceil(depth / 2) : depth)

/** Columns as a packed matrix has them: whole vectors. */
export const paddedColumns = (columns: number, { lanes }: Target): number => Math.ceil(columns / lanes) * lanes

/** The launch that packs matrices [depth, columns], as f32 or as pairs of bfloat16, and the bytes it takes. */
export function packLaunch(matrix: Packing, target: Target, bf16 = false): Pick<Prepare, 'launch' | 'bytes'> {
  const words = sizeOf(matrix.dims) * wordsOf(sizeOf(matrix.rowDims), bf16) * paddedColumns(matrix.columns, target)
  return { launch: { kernel: 'packMatrix', params: { ...matrix, bf16 } }, bytes: 4 * words }
}

/** Matrices as the panels that tiles of a product read. */
export const packMatrix: KernelSpec = { name: 'packMatrix' }

import { collapse } from './layout.js'

/** Where the elements of one side of a move lie, in elements. Strides of the source may be negative or 0. */
export interface Side {
  readonly strides: readonly number[]
  readonly offset: number
}

/** Elements of `bytes` bytes brought from one layout to another, as `Move` of native/simd/move.h reads it. */
export type Move = {
  readonly bytes: number
  readonly dims: readonly number[]
  readonly from: readonly number[]
  readonly to: readonly number[]
  readonly fromOffset: number
  readonly toOffset: number
}

/** The move of a tensor of `shape`. */
export function planMove(shape: readonly number[], bytes: number, from: Side, to: Side): Move {
  const { dims, strides } = collapse(shape, [from.strides, to.strides])
  return { bytes, dims, from: strides[0], to: strides[1], fromOffset: from.offset, toOffset: to.offset }
}

import { readStateValue, type StateEntry, type StateValue } from '@scanline/nn'
import {
  ArgumentError,
  concat,
  encode,
  interpolate,
  ReferenceBackend,
  reshape,
  ShapeError,
  scope,
  split,
  type Tensor,
  tensor,
} from '@scanline/tensor'

/** Rows of class tokens in a position table: in front of the patches, in their middle, or one on each side. */
export type ClassTokenRows = 'front' | 'middle' | 'double'

export interface ResizePosEmbedOptions {
  /** Patches in a column and in a row, before and after. */
  readonly from: readonly [number, number]
  readonly to: readonly [number, number]
  /** Class tokens in the table: 1. */
  readonly extraTokens?: number
  /**
   * Rows of the class tokens. Published fine-tuning and dense backbones take every table for one with the class token in
   * front, although it is in the middle: `front` (the default) repeats that to the letter.
   */
  readonly classToken?: ClassTokenRows
}

/**
 * A position table [1, tokens, D] for another grid: patches by bicubic interpolation without antialiasing, class tokens as
 * they are. Throws `ShapeError` for a table of another length.
 *
 * @example
 * const table = resizePosEmbed(posEmbed, { from: [14, 14], to: [27, 27], classToken: 'middle' })
 */
export function resizePosEmbed(
  table: Tensor,
  { from, to, extraTokens = 1, classToken = 'front' }: ResizePosEmbedOptions,
): Tensor {
  const patches = from[0] * from[1]
  if (table.rank !== 3 || table.shape[1] !== patches + extraTokens)
    throw new ShapeError(
      `a position table for ${from.join(' × ')} patches and ${extraTokens} class tokens is [1, ${patches + extraTokens}, D], got ${table}`,
    )
  return scope(() => {
    const dim = table.shape[2]
    const [a, first, b, last, c] = split(table, rows(patches, extraTokens, classToken), 1)
    const grid = reshape(concat([a, b, c], 1), [table.shape[0], ...from, dim])
    const resized = reshape(interpolate(grid, to, { mode: 'bicubic' }), [table.shape[0], to[0] * to[1], dim])
    const [before, , between, , after] = rows(to[0] * to[1], extraTokens, classToken)
    const [x, y, z] = split(resized, [before, between, after], 1)
    return concat([x, first, y, last, z], 1)
  })
}

/** How many rows are patches, class tokens, patches, class tokens, patches. */
function rows(patches: number, extra: number, classToken: ClassTokenRows): number[] {
  if (classToken === 'double') return [0, 1, patches, extra - 1, 0]
  const before = classToken === 'middle' ? Math.floor(patches / 2) : 0
  return [before, extra, patches - before, 0, 0]
}

/**
 * An entry `pos_embed` of a square grid for another grid, read and resized when it is needed. Throws `ArgumentError` for a
 * table that no square grid has.
 */
export function resizedPosEmbed(
  value: StateValue,
  { to, extraTokens = 1, classToken = 'front' }: Omit<ResizePosEmbedOptions, 'from'>,
): StateEntry {
  return converted(value, extraTokens, to[0] * to[1] + extraTokens, (table, from) =>
    resizePosEmbed(table, { from, to, extraTokens, classToken }),
  )
}

/** `resizedPosEmbed` without the rows of the class tokens. Throws `ArgumentError`. */
export function patchRows(
  value: StateValue,
  { to, extraTokens = 1, classToken = 'front' }: Omit<ResizePosEmbedOptions, 'from'>,
): StateEntry {
  return converted(value, extraTokens, to[0] * to[1], (table, from) =>
    scope(() => {
      const [a, , b, , c] = split(table, rows(from[0] * from[1], extraTokens, classToken), 1)
      return resizePosEmbed(concat([a, b, c], 1), { from, to, extraTokens: 0 })
    }),
  )
}

function converted(
  value: StateValue,
  extraTokens: number,
  length: number,
  convert: (table: Tensor, from: readonly [number, number]) => Tensor,
): StateEntry {
  const [n, tokens, dim] = value.shape
  const side = Math.sqrt(tokens - extraTokens)
  if (value.shape.length !== 3 || !Number.isInteger(side) || side < 1)
    throw new ArgumentError(
      `a position table [${value.shape.join(', ')}] has no square grid and ${extraTokens} class tokens, so it cannot be resized; build the model with the image size of these weights, or resize the table with resizePosEmbed`,
    )
  return {
    shape: [n, length, dim],
    dtype: 'f32',
    read: async () => {
      const values = await readStateValue('pos_embed', value, 'f64')
      const device = new ReferenceBackend()
      using table = tensor(Float64Array.from(values as ArrayLike<number>), { shape: value.shape, device, dtype: 'f64' })
      using result = convert(table, [side, side])
      return encode('f32', (await result.data()) as Float64Array)
    },
  }
}

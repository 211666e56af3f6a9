import { concat, interpolate, reshape, ShapeError, scope, split, type Tensor } from '@scanline/tensor'

export interface ResizePosEmbedOptions {
  /** Patches in a column and in a row, before and after. */
  readonly from: readonly [number, number]
  readonly to: readonly [number, number]
  /** Class tokens in the table: 1. */
  readonly extraTokens?: number
  /**
   * Row of the class token before, `middle` or `front`. Published fine-tuning and dense backbones take every table for one
   * with the class token in front, although it is in the middle: `front` (the default) repeats that to the letter.
   */
  readonly classToken?: 'front' | 'middle'
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
  const before = classToken === 'middle' ? Math.floor(patches / 2) : 0
  const after = classToken === 'middle' ? Math.floor((to[0] * to[1]) / 2) : 0
  return scope(() => {
    const dim = table.shape[2]
    const [head, extra, tail] = split(table, [before, extraTokens, patches - before], 1)
    const grid = reshape(concat([head, tail], 1), [table.shape[0], ...from, dim])
    const resized = reshape(interpolate(grid, to, { mode: 'bicubic' }), [table.shape[0], to[0] * to[1], dim])
    const [start, end] = split(resized, [after, to[0] * to[1] - after], 1)
    return concat([start, extra, end], 1)
  })
}

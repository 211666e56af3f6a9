import { ArgumentError, pad, permute, reshape, ShapeError, scope, slice, type Tensor } from '@scanline/tensor'

/**
 * Feature map [N, H, W, C] → tokens [N · ⌈H/s⌉ · ⌈W/s⌉, s², C] of windows of s × s positions. Zeros fill the windows at the
 * bottom and at the right. Windows are in the order image, row, column; tokens within one row by row. Throws `ShapeError`
 * for another rank, `ArgumentError` for a window that is no whole number from 1.
 *
 * @example
 * const tokens = partitionWindows(map, 7) // [1, 14, 14, 32] → [4, 49, 32]
 */
export function partitionWindows(x: Tensor, window: number): Tensor {
  if (x.rank !== 4) throw new ShapeError(`partitionWindows needs a feature map [N, H, W, C], got ${x}`)
  const [n, height, width, channels] = x.shape
  const [rows, columns] = windowGrid(height, width, window)
  return scope(() => {
    const after = [0, rows * window - height, columns * window - width, 0]
    const full = after.some((d) => d > 0) ? pad(x, { before: [0, 0, 0, 0], after }) : x
    const grid = permute(reshape(full, [n, rows, window, columns, window, channels]), [0, 1, 3, 2, 4, 5])
    return reshape(grid, [n * rows * columns, window * window, channels])
  })
}

/**
 * The inverse of `partitionWindows` for a map of the given size: tokens [N · ⌈H/s⌉ · ⌈W/s⌉, s², C] → [N, H, W, C]; what was
 * padded is cut off. Throws `ShapeError` for tokens that do not fill such maps.
 */
export function reverseWindows(
  tokens: Tensor,
  window: number,
  { height, width }: { readonly height: number; readonly width: number },
): Tensor {
  const [rows, columns] = windowGrid(height, width, window)
  const images = tokens.shape[0] / (rows * columns)
  if (tokens.rank !== 3 || !Number.isInteger(images) || tokens.shape[1] !== window * window)
    throw new ShapeError(
      `a map of height ${height} and width ${width} has ${rows} × ${columns} windows of ${window * window} tokens; got ${tokens}`,
    )
  const channels = tokens.shape[2]
  return scope(() => {
    const grid = permute(reshape(tokens, [images, rows, columns, window, window, channels]), [0, 1, 3, 2, 4, 5])
    const full = reshape(grid, [images, rows * window, columns * window, channels])
    return slice(slice(full, 1, 0, height), 2, 0, width)
  })
}

/** Rows and columns of windows that cover a map. */
function windowGrid(height: number, width: number, window: number): [number, number] {
  if (!Number.isInteger(window) || window < 1)
    throw new ArgumentError(`a window has a whole number of positions from 1 on each side, got ${window}`)
  return [Math.ceil(height / window), Math.ceil(width / window)]
}

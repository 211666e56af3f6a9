import { corrupt } from '../errors.js'

/** Undoes the filter of each row in place. A row is its filter byte and `rowBytes` bytes; `bpp` bytes lie between neighbours. */
export function unfilter(raw: Uint8Array, start: number, rows: number, rowBytes: number, bpp: number): void {
  let up = -1
  for (let y = 0, row = start; y < rows; y++, row += rowBytes + 1) {
    const filter = raw[row]!
    const from = row + 1
    if (filter > 4) throw corrupt('PNG', `row ${y} has the filter ${filter}`)
    if (filter === 1) {
      for (let i = bpp; i < rowBytes; i++) raw[from + i]! += raw[from + i - bpp]!
    } else if (filter === 2 && up >= 0) {
      for (let i = 0; i < rowBytes; i++) raw[from + i]! += raw[up + i]!
    } else if (filter === 3) {
      for (let i = 0; i < rowBytes; i++) {
        const left = i < bpp ? 0 : raw[from + i - bpp]!
        raw[from + i]! += (left + (up < 0 ? 0 : raw[up + i]!)) >> 1
      }
    } else if (filter === 4) {
      for (let i = 0; i < rowBytes; i++) {
        const left = i < bpp ? 0 : raw[from + i - bpp]!
        const above = up < 0 ? 0 : raw[up + i]!
        raw[from + i]! += paeth(left, above, i < bpp || up < 0 ? 0 : raw[up + i - bpp]!)
      }
    }
    up = from
  }
}

/** Whichever of left, above and upper left is nearest to left + above - upper left. */
export function paeth(a: number, b: number, c: number): number {
  const pa = Math.abs(b - c)
  const pb = Math.abs(a - c)
  const pc = Math.abs(a + b - 2 * c)
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c
}

/** Part of an image that is stored together: columns `x0`, `x0 + dx`, ... of rows `y0`, `y0 + dy`, ... */
export interface Pass {
  readonly x0: number
  readonly y0: number
  readonly dx: number
  readonly dy: number
  readonly columns: number
  readonly rows: number
}

const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const

export function passes(width: number, height: number, interlaced: boolean): Pass[] {
  return (interlaced ? ADAM7 : [[0, 0, 1, 1] as const])
    .map(([x0, y0, dx, dy]) => ({ x0, y0, dx, dy, columns: Math.ceil((width - x0) / dx), rows: Math.ceil((height - y0) / dy) }))
    .filter((pass) => pass.columns > 0 && pass.rows > 0)
}

import { type FunctionBuilder, f32x4, i32, type Local, minU, type Operand, type Value, v128 } from './assembler/index.js'
import type { KernelBuilder } from './kernel.js'

/** Columns of a packed panel: two vectors. */
export const panelColumns = 8

/**
 * Steps after which a running sum is added to one of longer stretches, and that one to the next: the rounding errors of one
 * sum over everything grow with its length, and batch norms over few values magnify them (EfficientViM in training mode).
 * The longer sums wait on the stack; taking them from there every sixteen steps costs nothing that could be measured.
 */
const stretches = [16, 128]

/** Registers for sums: 8 vectors leave room for operands in 16 registers; larger tiles spill in Node 20. */
export interface TileShape {
  readonly rows: number
  /** Panels side by side. */
  readonly panels: number
}

/** The tile for a matrix of `rows`: with few rows, more columns keep as many sums going. */
export function tileFor(rows: number): TileShape {
  if (rows === 1) return { rows: 1, panels: 4 }
  if (rows === 2) return { rows: 2, panels: 2 }
  return { rows: Math.max(1, Math.min(4, rows)), panels: 1 }
}

/** Columns as the packed matrix has them: a multiple of the tile's. */
export const paddedColumns = (columns: number, tile: TileShape): number => {
  const width = panelColumns * tile.panels
  return Math.ceil(columns / width) * width
}

/**
 * How many rows go through the same panel before the next one is taken: as many as let that part of A stay in half a
 * megabyte of cache, evenly cut. `threads` blocks or a multiple of it where there are rows enough, so that a thread
 * finds in its cache the rows that it wrote in the step before.
 */
export function rowBlock(rows: number, depth: number, tile: TileShape, threads: number): number {
  const fitting = Math.max(tile.rows, Math.floor(131072 / Math.max(1, depth)))
  const multiple = rows >= 32 * threads ? threads : 1
  const blocks = Math.max(1, Math.ceil(rows / fitting / multiple)) * multiple
  return Math.max(tile.rows, Math.ceil(rows / blocks / tile.rows) * tile.rows)
}

/** One column of tiles: rows `begin` … `end` of A times the packed panels at `b`. */
export interface Strip {
  readonly tile: TileShape
  readonly depth: number
  /** Address of a row of A, and bytes from it to the next. */
  readonly a: (row: Local<'i32'>) => Value<'i32'>
  readonly rowBytes: number
  /** Bytes from an element of a row of A to the next: 4 unless told otherwise. */
  readonly stepBytes?: number
  readonly b: Local<'i32'>
  /** The panels that come after these, to be brought near meanwhile, and how many tiles there are for that. */
  readonly next?: { readonly b: Local<'i32'>; readonly tiles: number }
  readonly begin: Operand<'i32'>
  readonly end: Local<'i32'>
  /** Rows that the last tile of the matrix lacks to a whole one are known when the code is written. */
  readonly totalRows: number
  readonly store: (row: Local<'i32'>, sums: readonly (readonly Local<'v128'>[])[]) => void
}

const cacheLine = 64

/** Writes the loops over the tiles of a strip. */
export function emitStrip(k: KernelBuilder, f: FunctionBuilder, strip: Strip): void {
  const { tile, depth, next, begin, end, totalRows } = strip
  const row = f.let(i32.add(begin))
  const ahead = next && f.let<'i32'>(next.b)
  const bytes = 4 * panelColumns * tile.panels * depth
  const lines = next ? Math.ceil(bytes / cacheLine / next.tiles) : 0
  const last = next && f.let(i32.add(next.b, Math.max(0, bytes - cacheLine * lines)))
  f.loop((again) => {
    f.if(i32.le_u(i32.add(row, tile.rows), end), () => {
      if (ahead && last) {
        for (let line = 0; line < lines; line++) f.do(v128.load(ahead, cacheLine * line))
        f.set(ahead, minU(i32.add(ahead, cacheLine * lines), last))
      }
      emitTile(k, f, strip, tile.rows, row)
      f.set(row, i32.add(row, tile.rows))
      f.branch(again)
    })
  })
  const rest = totalRows % tile.rows
  if (rest > 0) f.if(i32.lt_u(row, end), () => emitTile(k, f, strip, rest, row))
}

function emitTile(k: KernelBuilder, f: FunctionBuilder, strip: Strip, rows: number, row: Local<'i32'>): void {
  const { tile, depth, rowBytes, stepBytes = 4 } = strip
  const panelBytes = 4 * panelColumns * depth
  const zero = f32x4.const(0)
  const newTile = () => Array.from({ length: rows }, () => Array.from({ length: 2 * tile.panels }, () => f.let<'v128'>(zero)))
  const cuts = stretches.filter((steps) => 2 * steps <= depth)
  /** Sums in registers, then those of ever longer stretches. */
  const levels = [newTile(), ...cuts.map(newTile)]
  if (depth > 0) {
    const a = f.let(strip.a(row))
    const b = f.let<'i32'>(strip.b)
    const end = f.let(i32.add(b, panelBytes))
    const right = f.local('v128')
    const left = levels[0].map(() => f.local('v128'))
    /** Steps up to `stop`, their sum in `levels[level]`. */
    const run = (level: number, stop: Local<'i32'>): void =>
      f.loop((again) => {
        if (level === 0) {
          for (let r = 0; r < rows; r++) f.set(left[r], v128.load32_splat(a, r * rowBytes))
          for (let v = 0; v < 2 * tile.panels; v++) {
            f.set(right, v128.load(b, (v >> 1) * panelBytes + 16 * (v & 1)))
            for (let r = 0; r < rows; r++) f.set(levels[0][r][v], k.madd(left[r], right, levels[0][r][v]))
          }
          f.set(a, i32.add(a, stepBytes))
          f.set(b, i32.add(b, 4 * panelColumns))
        } else {
          const next = f.let(i32.add(b, 4 * panelColumns * cuts[level - 1]))
          f.set(next, minU(next, stop))
          run(level - 1, next)
          levels[level].forEach((vectors, r) => {
            for (const [v, sum] of vectors.entries()) {
              const part = levels[level - 1][r][v]
              f.set(sum, f32x4.add(sum, part))
              f.set(part, zero)
            }
          })
        }
        f.branchIf(again, i32.lt_u(b, stop))
      })
    run(cuts.length, end)
  }
  strip.store(row, levels[cuts.length])
}

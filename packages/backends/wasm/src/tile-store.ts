import { type Expr, inputCount } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, i32, type Local, type Value, v128 } from './assembler/index.js'
import { emitExpr } from './emit-expr.js'
import type { KernelBuilder } from './kernel.js'

/** An extra operand of an epilogue as a matrix [rows, columns]; strides in elements. */
export interface ExtraStrides {
  readonly row: number
  readonly column: number
}

/** An operand's first element, and its strides. */
export interface Extra extends ExtraStrides {
  readonly pointer: Value<'i32'>
}

/** Where a tile of results goes. */
export interface Target {
  readonly out: Value<'i32'>
  readonly columns: number
  readonly epilogue: Expr | undefined
  readonly extras: readonly Extra[]
}

/**
 * Writes a tile of f32 vectors at (`row`, `column`) of a contiguous matrix, through the epilogue. `tile[r]` holds the
 * vectors of row `row + r`. Lanes beyond the last column are dropped.
 */
export function storeTile(
  k: KernelBuilder,
  f: FunctionBuilder,
  { out, columns, epilogue, extras }: Target,
  row: Local<'i32'>,
  column: Local<'i32'>,
  tile: readonly (readonly Local<'v128'>[])[],
): void {
  const at = (pointer: Value<'i32'>, rowStride: number, columnStride: number) =>
    f.let(i32.add(pointer, i32.mul(row, 4 * rowStride), i32.mul(column, 4 * columnStride)))
  const read = epilogue ? inputCount(epilogue) : 0
  const sources = extras.slice(0, Math.max(0, read - 1)).map((x) => ({ ...x, address: at(x.pointer, x.row, x.column) }))
  const target = at(out, columns, 1)
  const width = 4 * tile[0].length
  const spare = columns % width
  const last = spare === 0 ? undefined : f.let(i32.gt_u(i32.add(column, width), columns))
  tile.forEach((vectors, r) => {
    vectors.forEach((accumulated, v) => {
      const operand = (n: number) => (n === 0 ? accumulated : loadLanes(sources[n - 1], r, 4 * v))
      const value = epilogue ? f.let(emitExpr(k, f, epilogue, operand)) : accumulated
      const offset = 4 * (r * columns + 4 * v)
      const whole = () => f.store.v128(target, value, offset)
      if (last === undefined || spare >= 4 * v + 4) whole()
      else f.if(last, () => (spare > 4 * v ? f.store.lanes(target, value, spare - 4 * v, offset) : undefined), whole)
    })
  })
}

function loadLanes({ address, row, column }: ExtraStrides & { address: Local<'i32'> }, r: number, c: number): Value<'v128'> {
  const offset = (lane: number) => 4 * (r * row + (c + lane) * column)
  if (column === 1) return v128.load(address, offset(0))
  if (column === 0) return v128.load32_splat(address, offset(0))
  return [0, 1, 2, 3].reduce((vector, lane) => v128.load32_lane(address, vector, lane, offset(lane)), f32x4.const(0))
}

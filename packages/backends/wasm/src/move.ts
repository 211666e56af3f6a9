import { sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, i8x16, i32, i32x4, i64, type Local, minU, type Value, v128 } from './assembler/index.js'
import { collapse, element, offsets } from './layout.js'
import { bytes as lanes } from './vectors.js'

/** Where the elements of one side of a move lie, in elements. Strides of the source may be negative or 0. */
export interface Side {
  readonly strides: readonly number[]
  readonly offset: number
}

/** Elements of `bytes` bytes brought from one layout to another. Plain data. */
export interface Move {
  readonly bytes: number
  /** Independent pieces of work: each moves `length` elements of the innermost axis, or a block of such rows. */
  readonly items: number
  /** Vector instructions that an item takes, about. */
  readonly cost: number
  /** Outer axes, without those of the block. */
  readonly dims: readonly number[]
  readonly from: Side
  readonly to: Side
  /** Strides of the innermost axis. */
  readonly stride: number
  readonly toStride: number
  /** Length of the innermost axis, and how much of it an item moves: pieces overlap so that all are equally long. */
  readonly row: number
  readonly length: number
  /** Set for a transpose: the axis that is contiguous in the source; an item takes `rows` of its `length`. */
  readonly across?: { readonly length: number; readonly rows: number; readonly toStride: number }
}

/** Elements of a row that one item moves at most. */
const pieceLength = { straight: 8192, transposed: 512 }

/** The move of a tensor of `shape`; fast where the innermost axis of `to` is contiguous. */
export function planMove(shape: readonly number[], bytes: number, from: Side, to: Side): Move {
  const { dims, strides } = collapse(shape, [from.strides, to.strides])
  const row = dims.at(-1) ?? 1
  const stride = strides[0].at(-1) ?? 1
  const toStride = strides[1].at(-1) ?? 1
  const outer = (axis: number) => axis !== across && axis < dims.length - 1
  const across =
    bytes === 4 && stride !== 0 && stride !== 1 && toStride === 1
      ? strides[0].findIndex((s, i) => s === 1 && i < dims.length - 1)
      : -1
  const rows = across < 0 ? 1 : blockRows(dims[across])
  const length = Math.min(row, across < 0 ? pieceLength.straight : pieceLength.transposed)
  const kept = dims.filter((_, axis) => outer(axis))
  const pieces = length === 0 ? 0 : Math.ceil(row / length)
  const blocks = across < 0 ? 1 : Math.ceil(dims[across] / rows)
  const perElement = across >= 0 ? rows * 0.75 : toStride === 1 && (stride === 1 || stride === 0) ? bytes / 16 : 2
  return {
    bytes,
    items: sizeOf(kept) * pieces * blocks,
    cost: 10 + length * perElement,
    dims: kept,
    from: { strides: strides[0].filter((_, axis) => outer(axis)), offset: from.offset },
    to: { strides: strides[1].filter((_, axis) => outer(axis)), offset: to.offset },
    stride,
    toStride,
    row,
    length,
    ...(across >= 0 && { across: { length: dims[across], rows, toStride: strides[1][across] } }),
  }
}

/** Half a cache line, unless there is less. */
const blockRows = (length: number): number => (length >= 8 ? 8 : Math.min(4, length))

/** Moves the items from `begin` up to `end`. */
export function emitMove(
  f: FunctionBuilder,
  move: Move,
  input: Local<'i32'>,
  output: Local<'i32'>,
  begin: Local<'i32'>,
  end: Local<'i32'>,
): void {
  const { bytes, dims, from, to, stride, toStride, row, length, across } = move
  f.for(begin, end, 1, (item) => {
    const start = f.local('i32')
    const rest = splitIndex(f, item, row, length, start)
    const first = f.local('i32')
    const outer = across ? splitIndex(f, rest, across.length, across.rows, first) : rest
    const [source, target] = offsets(f, outer, dims, [from.strides, to.strides])
    const read = f.let(element(input, i32.add(source, i32.mul(start, stride), first, from.offset), bytes))
    const write = f.let(
      element(output, i32.add(target, i32.mul(start, toStride), i32.mul(first, across?.toStride ?? 0), to.offset), bytes),
    )
    if (across) transpose(f, read, write, move, across)
    else if (toStride === 1) copyRow(f, bytes, write, read, stride, length)
    else spreadRow(f, bytes, write, toStride, read, stride, length)
  })
}

/** Takes the number of a piece out of `index` and sets `start` to where it begins; the last reaches back to be full. */
function splitIndex(f: FunctionBuilder, index: Local<'i32'>, total: number, piece: number, start: Local<'i32'>): Local<'i32'> {
  if (piece >= total) return index
  const pieces = Math.ceil(total / piece)
  const rest = f.let(i32.div_u(index, pieces))
  f.set(start, i32.mul(i32.sub(index, i32.mul(rest, pieces)), piece))
  if (total % piece > 0) f.set(start, minU(start, total - piece))
  return rest
}

/** `count` elements from a row of any stride to neighbouring ones. */
export function copyRow(
  f: FunctionBuilder,
  bytes: number,
  to: Local<'i32'>,
  from: Local<'i32'>,
  stride: number,
  count: number,
): void {
  const total = count * bytes
  if (stride === 1 && total >= 1024) f.memoryCopy(to, from, total)
  else if (stride === 1) storeBytes(f, to, total, (base, at) => v128.load(base ? i32.add(from, base) : from, at), from)
  else if (stride === 0 && total >= 16) {
    const splat = f.let(splatLoad[bytes as 1](from))
    storeBytes(f, to, total, () => splat)
  } else spreadRow(f, bytes, to, 1, from, stride, count)
}

/** `total` bytes that repeat `pattern`, the bytes of one element. */
export function fillRow(f: FunctionBuilder, to: Local<'i32'>, pattern: readonly number[], total: number): void {
  if (total === 0) return
  const repeated = Uint8Array.from({ length: 8 }, (_, i) => pattern[i % pattern.length])
  const words = new DataView(repeated.buffer)
  if (total >= 16) {
    const [low, high] = [words.getInt32(0, true), words.getInt32(4, true)]
    const vector = f.let(i32x4.splat(low))
    if (high !== low) for (const lane of [1, 3]) f.set(vector, i32x4.replace(vector, lane, high))
    storeBytes(f, to, total, () => vector)
  } else {
    eachShort(total, (size, at) => {
      if (size === 8) f.store.i64(to, words.getBigInt64(0, true), at)
      else storeInteger(f, size, to, i32.const(words.getInt32(0, true)), at)
    })
  }
}

/** `count` elements from a row of any stride to every `step`-th element. */
export function spreadRow(
  f: FunctionBuilder,
  bytes: number,
  to: Local<'i32'>,
  step: number,
  from: Local<'i32'>,
  stride: number,
  count: number,
): void {
  const source = f.let<'i32'>(from)
  const target = f.let<'i32'>(to)
  f.for(0, count, 1, () => {
    copyElement(f, bytes, target, source)
    f.set(source, i32.add(source, stride * bytes))
    f.set(target, i32.add(target, step * bytes))
  })
}

const splatLoad = { 1: v128.load8_splat, 2: v128.load16_splat, 4: v128.load32_splat, 8: v128.load64_splat }

/** `total` bytes at `to`, of which `vector` gives 16 at `base + at`; fewer than 16 are copied from `from`. */
function storeBytes(
  f: FunctionBuilder,
  to: Local<'i32'>,
  total: number,
  vector: (base: Local<'i32'> | undefined, at: number) => Value<'v128'>,
  from?: Local<'i32'>,
): void {
  const whole = total - (total % 16)
  const looped = whole <= 128 ? 0 : whole - (whole % 64)
  if (looped > 0) {
    f.for(0, looped, 64, (base) => {
      const at = f.let(i32.add(to, base))
      for (let k = 0; k < 64; k += 16) f.store.v128(at, vector(base, k), k)
    })
  }
  for (let k = looped; k < whole; k += 16) f.store.v128(to, vector(undefined, k), k)
  if (whole === total) return
  if (total >= 16) f.store.v128(to, vector(undefined, total - 16), total - 16)
  else if (from) eachShort(total, (size, at) => copyElement(f, size, to, from, at))
}

/** Cuts fewer than 16 bytes into powers of two, the largest first. */
function eachShort(total: number, visit: (size: number, at: number) => void): void {
  let at = 0
  for (const size of [8, 4, 2, 1]) {
    if (at + size > total) continue
    visit(size, at)
    at += size
  }
}

function copyElement(f: FunctionBuilder, bytes: number, to: Local<'i32'>, from: Local<'i32'>, at = 0): void {
  if (bytes === 8) f.store.i64(to, i64.load(from, at), at)
  else
    storeInteger(
      f,
      bytes,
      to,
      bytes === 4 ? i32.load(from, at) : bytes === 2 ? i32.load16_u(from, at) : i32.load8_u(from, at),
      at,
    )
}

function storeInteger(f: FunctionBuilder, bytes: number, to: Local<'i32'>, x: Value<'i32'>, at: number): void {
  if (bytes === 4) f.store.i32(to, x, at)
  else if (bytes === 2) f.store.i16(to, x, at)
  else f.store.i8(to, x, at)
}

/** A block of `across.rows` rows of `length`: by 4×4 squares that stay in registers. */
function transpose(
  f: FunctionBuilder,
  read: Local<'i32'>,
  write: Local<'i32'>,
  { length, stride }: Move,
  { rows, toStride }: { readonly rows: number; readonly toStride: number },
): void {
  const columns = Math.min(4, length)
  const high = Math.min(4, rows)
  const square = (from: Local<'i32'>, to: Local<'i32'>) => {
    for (let r = 0; r < rows; r += high) {
      const taken = [0, 1, 2, 3].map((j) => f.let(v128.load(i32.add(from, j < columns ? 4 * j * stride : 0), 4 * r)))
      transposed(f, taken).forEach((x, j) => {
        if (j < high) f.store.lanes(i32.add(to, 4 * (r + j) * toStride), x, columns)
      })
    }
  }
  const whole = length - (length % columns)
  const source = f.let<'i32'>(read)
  f.for(write, f.let(i32.add(write, 4 * whole)), 4 * columns, (target) => {
    square(source, target)
    f.set(source, i32.add(source, 4 * columns * stride))
  })
  if (whole === length) return
  f.set(source, i32.add(read, 4 * (length - columns) * stride))
  square(source, f.let(i32.add(write, 4 * (length - columns))))
}

const interleaveLow = lanes((i) => [0, 4, 1, 5][i])
const interleaveHigh = lanes((i) => [2, 6, 3, 7][i])
const lowPairs = lanes((i) => [0, 1, 4, 5][i])
const highPairs = lanes((i) => [2, 3, 6, 7][i])

/** Four rows of four as four columns. */
function transposed(f: FunctionBuilder, [a, b, c, d]: readonly Local<'v128'>[]): Value<'v128'>[] {
  const ab = f.let(i8x16.shuffle(a, b, interleaveLow))
  const cd = f.let(i8x16.shuffle(c, d, interleaveLow))
  const AB = f.let(i8x16.shuffle(a, b, interleaveHigh))
  const CD = f.let(i8x16.shuffle(c, d, interleaveHigh))
  return [
    i8x16.shuffle(ab, cd, lowPairs),
    i8x16.shuffle(ab, cd, highPairs),
    i8x16.shuffle(AB, CD, lowPairs),
    i8x16.shuffle(AB, CD, highPairs),
  ]
}

import { sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32, f32x4, i32, type Local, minU, type Operand, v128 } from '../assembler/index.js'
import { emitStrip, paddedColumns, panelColumns, type TileShape } from '../gemm.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element, offsets } from '../layout.js'
import { innermostContiguous, packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { decayFactor } from '../vector-math.js'
import { eachVector, fold, foldLanes, keepLanes, sumLanes } from '../vectors.js'
import { packLaunch } from './pack-matrix.js'

interface AttentionParams extends Split {
  /** Axes that pick a head, and the strides along them of the queries, in elements. */
  readonly dims: readonly number[]
  readonly strides: readonly number[]
  readonly queries: number
  readonly keys: number
  /** Of queries and keys. */
  readonly depth: number
  /** Of values. */
  readonly width: number
  /** Elements from a query to the next. */
  readonly rowStride: number
  readonly scale: number
}

const tile: TileShape = { rows: 4, panels: 1 }
/** Queries of an item, and keys that they meet at a time: their scores, 32 KiB, stay in the nearest caches. */
const queryBlock = 32
const keyBlock = 256

/** Rows of scores, and behind them of what is gathered from the values, are whole panels wide. */
const rowBytes = (columns: number) => 4 * paddedColumns(columns, tile)
/** Largest score so far, and the sum of the powers, both of each query. */
const stateBytes = 8 * queryBlock
const scratchBytes = (keys: number, width: number) =>
  stateBytes + queryBlock * (rowBytes(Math.min(keyBlock, keys)) + (keys > keyBlock ? rowBytes(width) : 0))

/**
 * softmax(scale · q kᵀ) v without the matrix of scores (Dao et al., arXiv 2205.14135): a block of queries meets the keys
 * block by block; whenever a larger score turns up, what was gathered is scaled down. An item is one such block of one
 * head, so that a window attention of many short sequences is cut up as well as a single long one.
 */
export const attention = defineKernel<AttentionParams>({
  name: 'attention',
  op: 'attention',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const [q, k, v] = call.inputs
    const dims = q.shape.slice(0, -2)
    const [queries, depth] = q.shape.slice(-2)
    const [keys, width] = v.shape.slice(-2)
    if (keys === 0) return { refused: 'attention needs a key' }
    const { prepare = [] } = packInputs([q], (x) => !innermostContiguous(x))
    const strides = prepare.length > 0 ? [...dims.map((_, i) => sizeOf(q.shape.slice(i + 1))), depth] : q.strides.slice(0, -1)
    const matrices = (x: typeof k) => ({ dims, strides: x.strides.slice(0, -2) })
    const [row, column] = k.strides.slice(-2)
    const packedKeys = packLaunch(
      { ...matrices(k), rowDims: [depth], rowStrides: [column], columns: keys, columnStride: row },
      tile,
    )
    const packedValues = packLaunch(
      { ...matrices(v), rowDims: [keys], rowStrides: [v.strides.at(-2)!], columns: width, columnStride: v.strides.at(-1)! },
      tile,
    )
    const empty = sizeOf(call.outputs[0].shape) === 0
    const items = sizeOf(dims) * Math.ceil(queries / queryBlock)
    return {
      kernel: 'attention',
      params: {
        ...split(empty ? 0 : items, (Math.min(queries, queryBlock) * keys * (depth + width + 30)) / 4),
        dims,
        strides: strides.slice(0, -1),
        queries,
        keys,
        depth,
        width,
        rowStride: strides.at(-1)!,
        scale: call.attrs.scale as number,
      },
      prepare: [...prepare, { input: 1, ...packedKeys }, { input: 2, ...packedValues }],
      scratch: capabilities.threads * scratchBytes(keys, width),
    }
  },
  emit: (k, params) => {
    const { dims, strides, queries, keys, depth, width, rowStride } = params
    const blocks = Math.ceil(queries / queryBlock)
    return k.define(5, (f, [q, packedKeys, packedValues, output, scratch], { begin, end, thread }) => {
      const state = f.let(element(scratch, thread, scratchBytes(keys, width)))
      const scores = f.let(i32.add(state, stateBytes))
      f.for(begin, end, 1, (item) => {
        const head = f.let(i32.div_u(item, blocks))
        const first = f.let(i32.mul(i32.sub(item, i32.mul(head, blocks)), queryBlock))
        const [from] = offsets(f, head, dims, [strides])
        emitBlock(k, f, params, {
          q: f.let(i32.add(element(q, from, 4), i32.mul(first, 4 * rowStride))),
          keys: f.let(element(packedKeys, head, depth * rowBytes(keys))),
          values: f.let(element(packedValues, head, keys * rowBytes(width))),
          output: f.let(element(output, i32.add(i32.mul(head, queries), first), 4 * width)),
          rows: f.let(minU(i32.sub(queries, first), queryBlock)),
          state,
          scores,
        })
      })
    })
  },
})

interface Block {
  /** Addresses of the first query and of its output, of the head's packed keys and values, and of the scratch memory. */
  readonly q: Local<'i32'>
  readonly keys: Local<'i32'>
  readonly values: Local<'i32'>
  readonly output: Local<'i32'>
  readonly state: Local<'i32'>
  readonly scores: Local<'i32'>
  /** Queries. */
  readonly rows: Local<'i32'>
}

/** A block of queries against all keys. */
function emitBlock(k: KernelBuilder, f: FunctionBuilder, params: AttentionParams, block: Block): void {
  const { keys, width } = params
  if (keys <= keyBlock) {
    meetKeys(k, f, params, block, 0, keys, undefined)
    return
  }
  const gathered = f.let(i32.add(block.scores, queryBlock * rowBytes(keyBlock)))
  f.memoryFill(gathered, 0, queryBlock * rowBytes(width))
  f.for(0, block.rows, 1, (row) => {
    f.store.f32(element(block.state, row, 4), Number.NEGATIVE_INFINITY)
    f.store.f32(element(block.state, row, 4), 0, 4 * queryBlock)
  })
  const whole = keys - (keys % keyBlock)
  f.for(0, whole, keyBlock, (first) => meetKeys(k, f, params, block, first, keyBlock, gathered))
  if (whole < keys) meetKeys(k, f, params, block, whole, keys - whole, gathered)
  f.for(0, block.rows, 1, (row) => {
    const scale = f.let(f32x4.splat(inverse(block.state, row)))
    const [from, to] = [f.let(element(gathered, row, rowBytes(width))), f.let(element(block.output, row, 4 * width))]
    eachVector(f, width, 4, (spot) =>
      f.store.lanes(spot.address(to), f32x4.mul(spot.load(from), scale), spot.lanes, spot.offset()),
    )
  })
}

/** 1 / sum of a row. */
const inverse = (state: Local<'i32'>, row: Operand<'i32'>) => f32.div(1, f32.load(element(state, row, 4), 4 * queryBlock))

/** `count` keys from `first`. They go into `gathered`, or, where there are no others, into the output. */
function meetKeys(
  k: KernelBuilder,
  f: FunctionBuilder,
  { queries, keys, depth, width, rowStride, scale }: AttentionParams,
  block: Block,
  first: Operand<'i32'>,
  count: number,
  gathered: Local<'i32'> | undefined,
): void {
  const { rows, state, scores } = block
  const scoreBytes = rowBytes(Math.min(keyBlock, keys))
  // Powers are of two.
  const factor = f.let(k.splat(scale * Math.LOG2E))
  f.for(0, paddedColumns(count, tile), panelColumns, (column) => {
    emitStrip(k, f, {
      tile,
      depth,
      a: (row) => element(block.q, row, 4 * rowStride),
      rowBytes: 4 * rowStride,
      b: f.let(i32.add(block.keys, i32.mul(i32.add(column, first), 4 * depth))),
      begin: 0,
      end: rows,
      totalRows: queries,
      store: (row, sums) => {
        const to = f.let(i32.add(element(scores, row, scoreBytes), i32.mul(column, 4)))
        sums.forEach((vectors, r) => {
          for (const [v, sum] of vectors.entries()) f.store.v128(to, f32x4.mul(sum, factor), r * scoreBytes + 16 * v)
        })
      },
    })
  })
  f.for(0, rows, 1, (row) => {
    const source = f.let(element(scores, row, scoreBytes))
    const at = f.let(element(state, row, 4))
    const largest = f.let(peak(f, source, count))
    if (gathered) f.set(largest, f32x4.pmax(largest, v128.load32_splat(at)))
    const total = f.let(powers(k, f, source, count, largest))
    if (gathered) {
      const shrink = f.let(decayFactor(k, f, f.let(f32x4.sub(v128.load32_splat(at), largest))))
      f.set(total, f32.add(total, f32.mul(f32x4.extract(shrink, 0), f32.load(at, 4 * queryBlock))))
      const sum = f.let(element(gathered, row, rowBytes(width)))
      eachVector(f, paddedColumns(width, tile), 4, (spot) =>
        f.store.v128(spot.address(sum), f32x4.mul(spot.load(sum), shrink), spot.offset()),
      )
    }
    f.store.f32(at, f32x4.extract(largest, 0))
    f.store.f32(at, total, 4 * queryBlock)
  })
  f.for(0, paddedColumns(width, tile), panelColumns, (column) => {
    emitStrip(k, f, {
      tile,
      depth: count,
      a: (row) => element(scores, row, scoreBytes),
      rowBytes: scoreBytes,
      b: f.let(i32.add(block.values, i32.mul(column, 4 * keys), i32.mul(first, 4 * panelColumns))),
      begin: 0,
      end: rows,
      totalRows: queries,
      store: (row, sums) => {
        if (gathered)
          gather(f, f.let(i32.add(element(gathered, row, rowBytes(width)), i32.mul(column, 4))), rowBytes(width), sums)
        else storeScaled(f, state, block.output, width, row, column, sums)
      },
    })
  })
}

function gather(f: FunctionBuilder, to: Local<'i32'>, stride: number, sums: readonly (readonly Local<'v128'>[])[]): void {
  sums.forEach((vectors, r) => {
    vectors.forEach((sum, v) => {
      const offset = r * stride + 16 * v
      f.store.v128(to, f32x4.add(sum, v128.load(to, offset)), offset)
    })
  })
}

/** A tile of the output, each row divided by its sum of powers. */
function storeScaled(
  f: FunctionBuilder,
  state: Local<'i32'>,
  output: Local<'i32'>,
  width: number,
  row: Local<'i32'>,
  column: Local<'i32'>,
  sums: readonly (readonly Local<'v128'>[])[],
): void {
  const to = f.let(i32.add(element(output, row, 4 * width), i32.mul(column, 4)))
  const spare = width % panelColumns
  const last = spare === 0 ? undefined : f.let(i32.gt_u(i32.add(column, panelColumns), width))
  sums.forEach((vectors, r) => {
    const scale = f.let(f32x4.splat(inverse(state, i32.add(row, r))))
    vectors.forEach((sum, v) => {
      const offset = 4 * (r * width + 4 * v)
      const value = f.let(f32x4.mul(sum, scale))
      const whole = () => f.store.v128(to, value, offset)
      if (last === undefined || spare >= 4 * v + 4) whole()
      else f.if(last, () => (spare > 4 * v ? f.store.lanes(to, value, spare - 4 * v, offset) : undefined), whole)
    })
  })
}

const unroll = 4

/** The largest element of a row in every lane. A NaN may be passed over: it comes back with the sum of the powers. */
function peak(f: FunctionBuilder, row: Local<'i32'>, length: number) {
  const lowest = f32x4.const(Number.NEGATIVE_INFINITY)
  const largest = Array.from({ length: unroll }, () => f.let(lowest))
  eachVector(f, length, unroll, (spot) => {
    const one = largest[spot.slot % unroll]
    f.set(one, f32x4.pmax(one, keepLanes(spot.load(row), lowest, spot.lanes)))
  })
  return foldLanes(f, fold(largest, f32x4.pmax), f32x4.pmax)
}

/** Turns a row into 2^(x - largest), and gives the sum. */
function powers(k: KernelBuilder, f: FunctionBuilder, row: Local<'i32'>, length: number, largest: Local<'v128'>) {
  const zero = f32x4.const(0)
  const sums = Array.from({ length: unroll }, () => f.let<'v128'>(zero))
  eachVector(f, length, unroll, (spot) => {
    const power = f.let(decayFactor(k, f, f.let(f32x4.sub(spot.load(row), largest))))
    f.store.v128(spot.address(row), power, spot.offset())
    const sum = sums[spot.slot % unroll]
    f.set(sum, f32x4.add(sum, keepLanes(power, zero, spot.lanes)))
  })
  return sumLanes(f, fold(sums, f32x4.add))
}

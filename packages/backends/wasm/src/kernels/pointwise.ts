import { bytesPerElement, contiguousStrides, type Expr, type OpCall, sizeOf, type TensorSpec } from '@scanline/tensor'
import { type FunctionBuilder, f32, f32x4, i32, i64, type Local, minU, type Value } from '../assembler/index.js'
import { convertLanes, gatherLanes, type LaneType, laneKind, laneTypes, loadLanes, splatLane, storeLanes } from '../elements.js'
import { emitExpr, exprCost } from '../emit-expr.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { collapse, element, offsets } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'

type OperandType = LaneType | 'i64'

interface OperandLayout {
  readonly dtype: OperandType
  /** Of the outer axes. */
  readonly strides: readonly number[]
  /** Of the innermost axis. */
  readonly stride: number
}

interface PointwiseParams extends Split {
  readonly expr: Expr
  /** One for each input; `null` for those that the expression does not read. */
  readonly operands: readonly (OperandLayout | null)[]
  readonly dtype: LaneType
  /** Outer axes, then the innermost, cut into pieces: an item is one piece of one row. */
  readonly dims: readonly number[]
  readonly length: number
  readonly piece: number
}

/** Elements of a piece: long enough to hide what starting one costs. A multiple of 4. */
const longest = 1024
/** Elements from which an operand that can only be read lane by lane is worth a copy. */
const worthPacking = 16_384

const operandTypes: readonly OperandType[] = [...laneTypes, 'i64']

/** Any expression over operands of any layout; vectors along the innermost axis, in f32. */
export const pointwise = defineKernel<PointwiseParams>({
  name: 'pointwise',
  op: 'pointwise',
  select: (call) => {
    const expr = call.attrs.expr as Expr
    const [output] = call.outputs
    const read = new Set(expr.flatMap(([name, k]) => (name === 'input' ? [k] : [])))
    const used = call.inputs.map((_, k) => k).filter((k) => read.has(k))
    const refusal =
      refuseTypes(
        call,
        operandTypes,
        used.map((k) => call.inputs[k]),
      ) ?? refuseTypes(call, laneTypes, [output])
    if (refusal) return refusal
    const planned = plan(call, used)
    const scattered = new Set(
      used.filter(
        (_, n) => planned.strides[n].length > 0 && planned.strides[n].at(-1)! > 1 && sizeOf(output.shape) >= worthPacking,
      ),
    )
    const { dims, strides } = scattered.size > 0 ? plan(call, used, scattered) : planned
    const length = dims.at(-1) ?? 1
    const outer = dims.slice(0, -1)
    const piece = Math.min(longest, length)
    const items = length === 0 ? 0 : sizeOf(outer) * Math.ceil(length / piece)
    const cost = exprCost(expr) + 2 * used.length + 2
    return {
      kernel: 'pointwise',
      params: {
        ...split(items, 20 + Math.ceil(piece / 4) * cost),
        expr,
        operands: call.inputs.map(({ dtype }, k) => {
          const own = strides[used.indexOf(k)]
          return own ? { dtype: dtype as OperandType, strides: own.slice(0, -1), stride: own.at(-1) ?? 1 } : null
        }),
        dtype: output.dtype as LaneType,
        dims: outer,
        length,
        piece,
      },
      ...packInputs(call.inputs, (_, k) => scattered.has(k)),
    }
  },
  emit: (k, params) =>
    k.define(params.operands.length + 1, (f, pointers, { begin, end }) =>
      f.for(begin, end, 1, (item) => emitPiece(k, f, params, pointers, item)),
    ),
})

/** The axes over the output and the inputs that are read, `packed` ones taken as contiguous. */
function plan({ inputs, outputs: [output] }: OpCall, used: readonly number[], packed: ReadonlySet<number> = new Set()) {
  const own = contiguousStrides(output.shape)
  const stridesOf = ({ strides }: TensorSpec, k: number) => (packed.has(k) ? own : strides)
  return collapse(output.shape, [...used.map((k) => stridesOf(inputs[k], k)), own])
}

function emitPiece(
  k: KernelBuilder,
  f: FunctionBuilder,
  { expr, operands, dtype, dims, length, piece }: PointwiseParams,
  pointers: readonly Local<'i32'>[],
  item: Local<'i32'>,
): void {
  const pieces = Math.ceil(length / piece)
  const row = pieces === 1 ? item : f.let(i32.div_u(item, pieces))
  const start = pieces === 1 ? i32.const(0) : f.let(i32.mul(i32.sub(item, i32.mul(row, pieces)), piece))
  const starts = offsets(
    f,
    row,
    dims,
    operands.map((operand) => operand?.strides ?? dims.map(() => 0)),
  )
  const sources = operands.map((operand, n) =>
    operand
      ? f.let(element(pointers[n], i32.add(starts[n], i32.mul(start, operand.stride)), bytesPerElement[operand.dtype]))
      : undefined,
  )
  const bytes = bytesPerElement[dtype]
  const target = f.let(element(pointers[operands.length], i32.add(i32.mul(row, length), start), bytes))
  const repeated = operands.map((operand, n) =>
    operand?.stride === 0 ? f.let(repeat(k, f, operand.dtype, sources[n]!)) : undefined,
  )

  const vector = (at: Local<'i32'> | undefined, skip: number, lanes: number) => {
    const result = emitExpr(k, f, expr, (n) => repeated[n] ?? load(k, f, operands[n]!, sources[n]!, at, skip, lanes))
    const address = at ? i32.add(target, i32.mul(at, bytes)) : target
    storeLanes(f, dtype, address, convertLanes(k, f, 'f32', dtype, result), lanes, skip * bytes)
  }

  const cost = exprCost(expr)
  const unroll = cost <= 8 ? 4 : cost <= 24 ? 2 : 1
  const tail = length % 4
  if (pieces === 1) {
    const whole = length - tail
    const looped = whole <= 4 * unroll ? 0 : whole - (whole % (4 * unroll))
    f.for(0, looped, 4 * unroll, (at) => {
      for (let u = 0; u < unroll; u++) vector(at, 4 * u, 4)
    })
    for (let skip = looped; skip < whole; skip += 4) vector(undefined, skip, 4)
    if (tail > 0) vector(undefined, whole, tail)
    return
  }
  const count = f.let(minU(i32.sub(length, start), piece))
  const whole = f.let(i32.and(count, -4))
  const at = f.local('i32')
  f.set(at, 0)
  const loop = (step: number) => {
    const last = f.let(i32.sub(whole, i32.rem_u(whole, step)))
    f.for(at, last, step, (i) => {
      for (let skip = 0; skip < step; skip += 4) vector(i, skip, 4)
    })
    f.set(at, last)
  }
  if (unroll > 1) loop(4 * unroll)
  loop(4)
  if (tail > 0) f.if(i32.ne(count, whole), () => vector(whole, 0, tail))
}

const toFloat = (dtype: OperandType, x: Value<'v128'>): Value<'v128'> =>
  dtype !== 'i64' && laneKind(dtype) === 'i32' ? f32x4.convert_i32x4_s(x) : x

function repeat(k: KernelBuilder, f: FunctionBuilder, dtype: OperandType, source: Local<'i32'>): Value<'v128'> {
  if (dtype === 'i64') return f32x4.splat(f32.convert_i64_s(i64.load(source)))
  return toFloat(dtype, splatLane(k, f, dtype, source))
}

/** Four elements of an operand, the first `at + skip` elements into the row. */
function load(
  k: KernelBuilder,
  f: FunctionBuilder,
  { dtype, stride }: OperandLayout,
  source: Local<'i32'>,
  at: Local<'i32'> | undefined,
  skip: number,
  lanes: number,
): Value<'v128'> {
  const bytes = bytesPerElement[dtype]
  const address = at ? i32.add(source, i32.mul(at, stride * bytes)) : source
  if (dtype === 'i64') {
    const first = f.let(i32.add(address, skip * stride * bytes))
    const all = f.let(f32x4.const(0))
    for (let lane = 0; lane < lanes; lane++)
      f.set(all, f32x4.replace(all, lane, f32.convert_i64_s(i64.load(first, lane * stride * bytes))))
    return all
  }
  if (stride === 1) return toFloat(dtype, loadLanes(k, f, dtype, address, skip * bytes))
  return toFloat(dtype, gatherLanes(k, f, dtype, f.let(i32.add(address, skip * stride * bytes)), stride, lanes))
}

import { trace } from '@scanline/compile'
import {
  type DType,
  type Expr,
  gelu,
  geluTanh,
  type Instruction,
  isFloat,
  operands,
  ReferenceBackend,
  relu,
  silu,
  softplus as softplusOp,
  type Tensor,
} from '@scanline/tensor'
import { broadcast, operand } from '../broadcast.js'
import type { Builder } from '../builder.js'
import type { Lower } from '../context.js'
import { sameDim } from '../dims.js'
import { dataTypes } from '../model.js'
import { commonOrder, Value } from '../value.js'
import { softplus } from './softplus.js'

/** Operators of the same meaning. */
const same: Readonly<Partial<Record<Instruction[0], string>>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  min: 'Min',
  max: 'Max',
  pow: 'Pow',
  neg: 'Neg',
  abs: 'Abs',
  sqrt: 'Sqrt',
  exp: 'Exp',
  log: 'Log',
  floor: 'Floor',
  ceil: 'Ceil',
  sin: 'Sin',
  cos: 'Cos',
  tanh: 'Tanh',
  erf: 'Erf',
  sigmoid: 'Sigmoid',
  sign: 'Sign',
}
const comparisons: Readonly<Partial<Record<Instruction[0], string>>> = { lt: 'Less', le: 'LessOrEqual', eq: 'Equal' }

type Whole = (builder: Builder, x: string, dtype: DType) => string

/** Whole expressions that one operator stands for. */
function wholeExpressions(): Map<string, Whole> {
  const device = new ReferenceBackend()
  const key = (f: (x: Tensor) => Tensor): string =>
    JSON.stringify(trace(f, [{ shape: [1], dtype: 'f32' }], device).graph.nodes[0].attrs.expr)
  return new Map<string, Whole>([
    [key(relu), (b, x) => b.add('Relu', [x])],
    [key(softplusOp), (b, x, dtype) => (dtype === 'f32' ? softplus(b, x) : b.add('Softplus', [x]))],
    [key(silu), (b, x) => b.add('Mul', [x, b.add('Sigmoid', [x])])],
    // The operator came with opset 20; before, runtimes know it by its parts.
    [key(gelu), (b, x) => (b.opset >= 20 ? b.add('Gelu', [x]) : geluByParts(b, x))],
    [key(geluTanh), (b, x) => (b.opset >= 20 ? b.add('Gelu', [x], { approximate: { string: 'tanh' } }) : geluTanhByParts(b, x))],
  ])
}

let known: Map<string, Whole> | undefined

/** The forms that runtimes fuse: `0.5 x (1 + erf(x / √2))`, and that with tanh. */
function geluByParts(b: Builder, x: string): string {
  const erf = b.add('Erf', [b.add('Div', [x, b.scalar(Math.SQRT2)])])
  return b.add('Mul', [b.add('Mul', [x, b.add('Add', [erf, b.scalar(1)])]), b.scalar(0.5)])
}
function geluTanhByParts(b: Builder, x: string): string {
  const cubic = b.add('Mul', [b.add('Pow', [x, b.scalar(3)]), b.scalar(0.044715)])
  const inner = b.add('Mul', [b.add('Add', [x, cubic]), b.scalar(Math.sqrt(2 / Math.PI))])
  return b.add('Mul', [b.add('Mul', [x, b.scalar(0.5)]), b.add('Add', [b.add('Tanh', [inner]), b.scalar(1)])])
}

export const pointwise: Lower = ({ builder, node, inputs, dims: [dims], set }) => {
  const { expr, dtype } = node.attrs as { expr: Expr; dtype: DType }
  const wide = inputs.map((value) => value.narrow ?? value).filter((value) => value.rank === dims.length)
  const order = commonOrder(wide.length > 0 ? wide : inputs)
  const type = computedIn(inputs, dtype)
  const names = inputs.map((value) => {
    const name = operand(value, order, builder)
    return value.dtype === type ? name : cast(builder, name, type)
  })
  known ??= wholeExpressions()
  const whole = type === dtype ? known.get(JSON.stringify(expr)) : undefined
  const result = whole ? { name: whole(builder, names[0], type), dtype: type } : instructions(builder, expr, names, type)
  const name = result.dtype === dtype ? result.name : cast(builder, result.name, dtype)
  // Where every operand repeats along an axis, so does the result.
  const own = dims.map((dim, axis) => (inputs.some((value) => !repeatsAt(value, axis - dims.length)) ? dim : 1))
  const value = Value.of(builder, own, dtype, name, order)
  set(0, own.every((dim, axis) => sameDim(dim, dims[axis])) ? value : broadcast(value, dims, builder))
}

/** Whether a value is written once along an axis, counted from the last, -1. */
function repeatsAt(value: Value, axis: number): boolean {
  if (value.narrow) return repeatsAt(value.narrow, axis)
  return axis < -value.rank || value.dims[value.rank + axis] === 1
}

/** The type of the operands that count: floats before whole numbers. */
function computedIn(inputs: readonly Value[], dtype: DType): DType {
  if (isFloat(dtype)) return dtype
  const types = inputs.map((value) => value.dtype)
  return types.find(isFloat) ?? (types.every((t) => t === types[0]) ? types[0] : 'f32')
}

export const cast = (builder: Builder, name: string, dtype: DType): string =>
  builder.add('Cast', [name], { to: { int: dataTypes[dtype] } })

interface Typed {
  readonly name: string
  readonly dtype: DType
}

function instructions(builder: Builder, expr: Expr, names: readonly string[], type: DType): Typed {
  const values: Typed[] = []
  const number = (k: number): string => (values[k].dtype === type ? values[k].name : cast(builder, values[k].name, type))
  const truth = (k: number): string => {
    if (values[k].dtype === 'bool') return values[k].name
    return builder.add('Not', [builder.add('Equal', [values[k].name, builder.scalar(0, type)])])
  }
  for (const instruction of expr) {
    const [name, a] = instruction
    const args = operands(instruction)
    if (name === 'input') values.push({ name: names[a], dtype: type })
    else if (name === 'const') values.push({ name: builder.scalar(a, type), dtype: type })
    else if (name === 'select')
      values.push({ name: builder.add('Where', [truth(args[0]), number(args[1]), number(args[2])]), dtype: type })
    else if (name in comparisons) values.push({ name: builder.add(comparisons[name]!, args.map(number)), dtype: 'bool' })
    else if (name === 'log1p') values.push({ name: log1p(builder, number(a), type), dtype: type })
    else values.push({ name: builder.add(same[name]!, args.map(number)), dtype: type })
  }
  return values[values.length - 1]
}

/** log(1 + x) without losing a small x: Kahan's log(u) x / (u - 1) with u = 1 + x rounded, and x where u is 1 or infinite. */
function log1p(b: Builder, x: string, dtype: DType): string {
  const one = b.scalar(1, dtype)
  const u = b.add('Add', [x, one])
  const exact = b.add('Mul', [b.add('Log', [u]), b.add('Div', [x, b.add('Sub', [u, one])])])
  const asItIs = b.add('Or', [b.add('Equal', [u, one]), b.add('IsInf', [u], { detect_negative: { int: 0 } })])
  return b.add('Where', [asItIs, x, exact])
}

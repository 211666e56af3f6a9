import { type BinaryName, type Expr, exprFlops, type UnaryName } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, type Value, v128 } from './assembler/index.js'
import type { KernelBuilder } from './kernel.js'
import { cos, erf, exp, log, log1p, pow, sigmoid, sign, sin, tanh } from './vector-math.js'

type Vector = Value<'v128'>

const unary: Readonly<Record<UnaryName, (k: KernelBuilder, f: FunctionBuilder, x: Vector) => Vector>> = {
  neg: (_k, _f, x) => f32x4.neg(x),
  abs: (_k, _f, x) => f32x4.abs(x),
  sqrt: (_k, _f, x) => f32x4.sqrt(x),
  floor: (_k, _f, x) => f32x4.floor(x),
  ceil: (_k, _f, x) => f32x4.ceil(x),
  exp,
  log,
  log1p,
  sin,
  cos,
  tanh,
  erf,
  sigmoid,
  sign,
}

const truth = (k: KernelBuilder, mask: Vector): Vector => v128.and(mask, k.splat(1))

const binary: Readonly<Record<BinaryName, (k: KernelBuilder, f: FunctionBuilder, x: Vector, y: Vector) => Vector>> = {
  add: (_k, _f, x, y) => f32x4.add(x, y),
  sub: (_k, _f, x, y) => f32x4.sub(x, y),
  mul: (_k, _f, x, y) => f32x4.mul(x, y),
  div: (_k, _f, x, y) => f32x4.div(x, y),
  min: (_k, _f, x, y) => f32x4.min(x, y),
  max: (_k, _f, x, y) => f32x4.max(x, y),
  pow,
  lt: (k, _f, x, y) => truth(k, f32x4.lt(x, y)),
  le: (k, _f, x, y) => truth(k, f32x4.le(x, y)),
  eq: (k, _f, x, y) => truth(k, f32x4.eq(x, y)),
}

/** Writes the code of `expr` on four f32 lanes; `inputs` gives the vector of each operand and is asked once for each. */
export function emitExpr(k: KernelBuilder, f: FunctionBuilder, expr: Expr, inputs: (operand: number) => Vector): Vector {
  const values: Vector[] = []
  const operands = new Map<number, Vector>()
  const operand = (n: number) => {
    const known = operands.get(n) ?? f.let(inputs(n))
    operands.set(n, known)
    return known
  }
  for (const [name, a, b, c] of expr) {
    if (name === 'input') values.push(operand(a))
    else if (name === 'const') values.push(k.splat(a))
    else if (name === 'select') values.push(f.let(v128.bitselect(values[b], values[c], f32x4.ne(values[a], k.splat(0)))))
    else if (b === undefined) values.push(f.let(unary[name as UnaryName](k, f, values[a])))
    else values.push(f.let(binary[name as BinaryName](k, f, values[a], values[b])))
  }
  return values[values.length - 1]
}

const expensive: Readonly<Partial<Record<string, number>>> = {
  exp: 24,
  log: 40,
  log1p: 48,
  sigmoid: 30,
  tanh: 48,
  erf: 42,
  div: 4,
  sqrt: 4,
  sin: 400,
  cos: 400,
  pow: 400,
}

/** About how many vector instructions `expr` takes for four elements. */
export const exprCost = (expr: Expr): number => exprFlops(expr) + expr.reduce((sum, [name]) => sum + (expensive[name] ?? 0), 0)

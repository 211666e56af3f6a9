/**
 * Pointwise expressions held as data: a flat list of instructions in which every operand is the index of an earlier
 * one, so that value `i` is the result of instruction `i` and the last value is the result. Every backend prints the
 * list in its own language, and a matmul or convolution takes one as its epilogue.
 */
export type UnaryName =
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'exp'
  | 'log'
  | 'log1p'
  | 'floor'
  | 'ceil'
  | 'sin'
  | 'cos'
  | 'tanh'
  | 'erf'
  | 'sigmoid'
  | 'sign'
export type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'pow' | 'lt' | 'le' | 'eq'

export type Instruction =
  /** The operand number `k`. In an epilogue, operand 0 is the value that the producer computed. */
  | readonly ['input', number]
  | readonly ['const', number]
  | readonly [UnaryName, number]
  /** Comparisons give 1 or 0. `min` and `max` give NaN when either side is NaN. */
  | readonly [BinaryName, number, number]
  /** `condition !== 0 ? a : b` */
  | readonly ['select', number, number, number]

export type Expr = readonly Instruction[]

/** Operands that an expression reads: one more than the largest `input`. */
export function inputCount(expr: Expr): number {
  let n = 0
  for (const [name, k] of expr) if (name === 'input') n = Math.max(n, k + 1)
  return n
}

/** Arithmetic instructions of an expression: what it costs per element. */
export const exprFlops = (expr: Expr): number => expr.filter(([name]) => name !== 'input' && name !== 'const').length

/** Operand indices of an instruction. */
export function operands(instruction: Instruction): readonly number[] {
  return instruction[0] === 'input' || instruction[0] === 'const' ? [] : (instruction.slice(1) as number[])
}

/** Builds expressions, sharing equal instructions and folding arithmetic on constants. */
export class ExprBuilder {
  readonly #list: Instruction[] = []
  readonly #known = new Map<string, number>()

  input(k: number): number {
    return this.#add(['input', k])
  }
  const(value: number): number {
    return this.#add(['const', value])
  }
  unary(name: UnaryName, a: number): number {
    const x = this.#constant(a)
    return x === undefined ? this.#add([name, a]) : this.const(unaryValue[name](x))
  }
  binary(name: BinaryName, a: number, b: number): number {
    const x = this.#constant(a)
    const y = this.#constant(b)
    if (x !== undefined && y !== undefined) return this.const(binaryValue[name](x, y))
    if (name === 'mul' && (x === 1 || y === 1)) return x === 1 ? b : a
    // Only -0 is neutral for addition: x + 0 would lose the sign of a negative zero.
    if (name === 'add' && (Object.is(x, -0) || Object.is(y, -0))) return Object.is(x, -0) ? b : a
    if (name === 'sub' && Object.is(y, 0)) return a
    if (name === 'div' && y === 1) return a
    return this.#add([name, a, b])
  }
  select(condition: number, a: number, b: number): number {
    return this.#add(['select', condition, a, b])
  }
  /** Copies `expr` in, its operand `k` replaced by the value `args[k]`; gives the index of its result. */
  inline(expr: Expr, args: readonly number[]): number {
    const at: number[] = []
    for (const instruction of expr) {
      const [name, a, b, c] = instruction
      if (name === 'input') at.push(args[a])
      else if (name === 'const') at.push(this.const(a))
      else if (name === 'select') at.push(this.select(at[a], at[b], at[c]))
      else if (b === undefined) at.push(this.unary(name as UnaryName, at[a]))
      else at.push(this.binary(name as BinaryName, at[a], at[b]))
    }
    return at[at.length - 1]
  }
  /** The list that ends in `result`, without what it does not need. */
  build(result: number): Expr {
    const needed = new Set<number>([result])
    for (let i = result; i >= 0; i--) if (needed.has(i)) for (const k of operands(this.#list[i])) needed.add(k)
    const order = [...needed].sort((a, b) => a - b)
    const renamed = new Map(order.map((old, i) => [old, i]))
    return order.map((i) => {
      const instruction = this.#list[i]
      if (instruction[0] === 'input' || instruction[0] === 'const') return instruction
      return [instruction[0], ...operands(instruction).map((k) => renamed.get(k)!)] as unknown as Instruction
    })
  }

  #constant(index: number): number | undefined {
    const instruction = this.#list[index]
    return instruction[0] === 'const' ? instruction[1] : undefined
  }
  #add(instruction: Instruction): number {
    const key = instruction.map((part) => (Object.is(part, -0) ? '-0' : String(part))).join()
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.#known.set(key, this.#list.length)
    return this.#list.push(instruction) - 1
  }
}

/** `build(e => e.unary('exp', e.input(0)))` without naming the builder twice. */
export function expression(write: (e: ExprBuilder) => number): Expr {
  const e = new ExprBuilder()
  return e.build(write(e))
}

/** What each instruction computes, in doubles: the definition that every backend is tested against. */
export const unaryValue: Readonly<Record<UnaryName, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  floor: Math.floor,
  ceil: Math.ceil,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  sign: Math.sign,
}

export const binaryValue: Readonly<Record<BinaryName, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  min: Math.min,
  max: Math.max,
  // JavaScript alone says that 1 ** NaN and (±1) ** ±Infinity are NaN; C, PyTorch and every kernel language say 1.
  pow: (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY) ? 1 : x ** y),
  lt: (x, y) => (x < y ? 1 : 0),
  le: (x, y) => (x <= y ? 1 : 0),
  eq: (x, y) => (x === y ? 1 : 0),
}

/** The values of `expr` over arrays of operands of equal length. */
export function evaluate(expr: Expr, inputs: readonly Float64Array[]): Float64Array {
  const length = inputs[0]?.length ?? 1
  const values: Float64Array[] = []
  for (const instruction of expr) {
    const [name, a, b] = instruction
    if (name === 'input') {
      values.push(inputs[a])
      continue
    }
    const out = new Float64Array(length)
    if (name === 'const') out.fill(a)
    else if (name === 'select') {
      const [condition, yes, no] = operands(instruction).map((k) => values[k])
      for (let i = 0; i < length; i++) out[i] = condition[i] !== 0 ? yes[i] : no[i]
    } else if (b === undefined) {
      const f = unaryValue[name as UnaryName]
      for (let i = 0; i < length; i++) out[i] = f(values[a][i])
    } else {
      const f = binaryValue[name as BinaryName]
      for (let i = 0; i < length; i++) out[i] = f(values[a][i], values[b][i])
    }
    values.push(out)
  }
  return values[values.length - 1]
}

/** `mul(x0, add(1, erf(x1)))`: an expression for a person to read. */
export function formatExpr(expr: Expr, names: (k: number) => string = (k) => `x${k}`): string {
  const texts: string[] = []
  for (const instruction of expr) {
    const [name, a] = instruction
    if (name === 'input') texts.push(names(a))
    else if (name === 'const') texts.push(String(Number(a.toPrecision(6))))
    else
      texts.push(
        `${name}(${operands(instruction)
          .map((k) => texts[k])
          .join(', ')})`,
      )
  }
  return texts[texts.length - 1] ?? ''
}

/**
 * The error function to double precision: its Maclaurin series up to |x| = 3, beyond that the continued fraction of
 * erfc (Abramowitz & Stegun 7.1.5 and 7.1.14).
 */
function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const a = Math.abs(x)
  if (a < 3) {
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
      if (n > 120) break
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  if (a > 6) return Math.sign(x)
  let fraction = 0
  for (let k = 60; k > 0; k--) fraction = k / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)))
}

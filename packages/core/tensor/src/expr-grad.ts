import { type Expr, ExprBuilder, type Instruction, operands } from './expr.js'

/**
 * The partial derivatives of an expression, each times the incoming gradient, which is operand number `inputs`.
 * Undefined for operands that do not influence the result smoothly. Kinks follow PyTorch: `max` and `min` share the
 * gradient of a tie, `sign`, `floor`, `ceil` and comparisons have none.
 */
export function differentiate(expr: Expr, inputs: number): (Expr | undefined)[] {
  const e = new ExprBuilder()
  const values = replay(e, expr)
  const adjoints: (number | undefined)[] = expr.map(() => undefined)
  adjoints[expr.length - 1] = e.input(inputs)
  for (let i = expr.length - 1; i >= 0; i--) {
    const adjoint = adjoints[i]
    if (adjoint === undefined) continue
    const parts = partials(
      e,
      expr[i],
      operands(expr[i]).map((k) => values[k]),
      values[i],
      adjoint,
    )
    operands(expr[i]).forEach((k, position) => {
      const part = parts[position]
      if (part === undefined) return
      const before = adjoints[k]
      adjoints[k] = before === undefined ? part : e.binary('add', before, part)
    })
  }
  return Array.from({ length: inputs }, (_, k) => {
    const at = expr.flatMap((instruction, i) =>
      instruction[0] === 'input' && instruction[1] === k && adjoints[i] !== undefined ? [adjoints[i]!] : [],
    )
    return at.length === 0 ? undefined : e.build(at.reduce((a, b) => e.binary('add', a, b)))
  })
}

/** The expression's own values inside the builder of its gradient. */
function replay(e: ExprBuilder, expr: Expr): number[] {
  const at: number[] = []
  for (let n = 1; n <= expr.length; n++) {
    const [name, a, b, c] = expr[n - 1]
    if (name === 'input') at.push(e.input(a))
    else if (name === 'const') at.push(e.const(a))
    else if (name === 'select') at.push(e.select(at[a], at[b], at[c]))
    else if (b === undefined) at.push(e.unary(name as never, at[a]))
    else at.push(e.binary(name as never, at[a], at[b]))
  }
  return at
}

/** Gradients of one instruction's operands: `x`, `y` their values, `v` its own, `g` the gradient that arrives. */
function partials(e: ExprBuilder, [name]: Instruction, [x, y]: number[], v: number, g: number): (number | undefined)[] {
  const c = (value: number) => e.const(value)
  const mul = (a: number, b: number) => e.binary('mul', a, b)
  const div = (a: number, b: number) => e.binary('div', a, b)
  const sub = (a: number, b: number) => e.binary('sub', a, b)
  switch (name) {
    case 'neg':
      return [e.unary('neg', g)]
    case 'abs':
      return [mul(g, e.unary('sign', x))]
    case 'sqrt':
      return [div(mul(g, c(0.5)), v)]
    case 'exp':
      return [mul(g, v)]
    case 'log':
      return [div(g, x)]
    case 'log1p':
      return [div(g, e.binary('add', c(1), x))]
    case 'sin':
      return [mul(g, e.unary('cos', x))]
    case 'cos':
      return [mul(g, e.unary('neg', e.unary('sin', x)))]
    case 'tanh':
      return [mul(g, sub(c(1), mul(v, v)))]
    case 'erf':
      return [mul(mul(g, c(2 / Math.sqrt(Math.PI))), e.unary('exp', e.unary('neg', mul(x, x))))]
    case 'sigmoid':
      return [mul(g, mul(v, sub(c(1), v)))]
    case 'add':
      return [g, g]
    case 'sub':
      return [g, e.unary('neg', g)]
    case 'mul':
      return [mul(g, y), mul(g, x)]
    case 'div':
      return [div(g, y), e.unary('neg', div(mul(g, v), y))]
    case 'min':
    case 'max': {
      const [low, high] = name === 'max' ? [y, x] : [x, y]
      const share = e.select(e.binary('eq', x, y), c(0.5), e.binary('lt', low, high))
      return [mul(g, share), mul(g, sub(c(1), share))]
    }
    case 'pow': {
      const base = mul(mul(g, y), e.binary('pow', x, sub(y, c(1))))
      const exponent = mul(g, e.select(e.binary('eq', x, c(0)), c(0), mul(v, e.unary('log', x))))
      // x^0 is constant, also at 0, where the formula would give 0 · Inf.
      return [e.select(e.binary('eq', y, c(0)), c(0), base), exponent]
    }
    case 'select':
      return [undefined, e.select(x, g, c(0)), e.select(x, c(0), g)]
    default:
      return [undefined, undefined]
  }
}

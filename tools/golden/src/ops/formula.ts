import type { Field } from '../field.js'
import { fillInput } from '../fill.js'

/** The value of an element from its random number `v`, which lies in (-1, 1), and its position in the last axis. */
type Formula = (v: number, column: number) => number

const functions: Readonly<Record<string, (x: number) => number>> = { exp: Math.exp, ln: Math.log }

/**
 * Reads `v`, `2 v`, `1 + 0.1 v`, `-exp(ln(1 + column) + 0.1 v)`: sums of numbers, `v`, `column`, a number times one of
 * them, and functions. Throws `FormatError` for anything else.
 */
export function readFormula(field: Field): Formula {
  const text = field.string()
  const tokens = text.match(/\d+(?:\.\d+)?(?:e[+-]?\d+)?|[a-z]+|\S/gi) ?? []
  let next = 0
  const take = (token: string): boolean => tokens[next] === token && ++next > 0
  const fail = (): never => field.fail(`expected a formula such as "1 + 0.1 v", found ${JSON.stringify(text)}`)

  const sum = (): Formula => {
    let total = term()
    for (;;) {
      const sign = take('+') ? 1 : take('-') ? -1 : 0
      if (sign === 0) return total
      const [left, right] = [total, term()]
      total = (v, column) => left(v, column) + sign * right(v, column)
    }
  }
  const term = (): Formula => {
    if (take('-')) {
      const negated = term()
      return (v, column) => -negated(v, column)
    }
    const number = /^\d/.test(tokens[next] ?? '') ? Number(tokens[next++]) : undefined
    if (number !== undefined) take('*')
    if (take('v')) return (v) => (number ?? 1) * v
    if (take('column')) return (_, column) => (number ?? 1) * column
    const f = Object.hasOwn(functions, tokens[next] ?? '') ? functions[tokens[next++]] : undefined
    if (f) {
      if (!take('(')) fail()
      const inner = sum()
      if (!take(')')) fail()
      return (v, column) => (number ?? 1) * f(inner(v, column))
    }
    return number === undefined ? fail() : () => number
  }
  const formula = sum()
  return next < tokens.length ? fail() : formula
}

/**
 * The values of an input that a file describes by `name` and `value`: `v` is a float32, as that of every input, and what is
 * made of it a float64. (Rounding the results to float32 too would leave ten times the error on the last state.)
 */
export function formulaValues(field: Field, salt: string): Float64Array {
  const shape = field.at('shape').shape()
  const formula = readFormula(field.at('value'))
  const columns = shape.at(-1) ?? 1
  return Float64Array.from(fillInput(field.at('name').string(), shape, salt), (v, i) => formula(v, i % columns))
}

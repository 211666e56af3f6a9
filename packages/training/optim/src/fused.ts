import { type ExprBuilder, expression, pointwise, type Tensor } from '@scanline/tensor'

/** Writes one expression; numbers are constants in it. */
export interface Formula {
  add(a: Term, b: Term): Term
  sub(a: Term, b: Term): Term
  mul(a: Term, b: Term): Term
  div(a: Term, b: Term): Term
  sqrt(a: Term): Term
}

/** A value of a formula. */
export type Term = number | { readonly at: number }

/**
 * One kernel over tensors that broadcast against each other: a step of an optimizer reads and writes everything once,
 * and does not depend on what a compiler fuses.
 */
export function fused<T extends Readonly<Record<string, Tensor>>>(
  operands: T,
  write: (f: Formula, operands: { readonly [K in keyof T]: Term }) => Term,
): Tensor {
  const names = Object.keys(operands)
  const expr = expression((e) => {
    const formula = formulaOf(e)
    const terms = Object.fromEntries(names.map((name, k) => [name, { at: e.input(k) }]))
    return indexOf(e, write(formula, terms as { readonly [K in keyof T]: Term }))
  })
  return pointwise(expr, Object.values(operands))
}

const indexOf = (e: ExprBuilder, term: Term): number => (typeof term === 'number' ? e.const(term) : term.at)

function formulaOf(e: ExprBuilder): Formula {
  const binary = (name: 'add' | 'sub' | 'mul' | 'div') => (a: Term, b: Term) => ({
    at: e.binary(name, indexOf(e, a), indexOf(e, b)),
  })
  return {
    add: binary('add'),
    sub: binary('sub'),
    mul: binary('mul'),
    div: binary('div'),
    sqrt: (a) => ({ at: e.unary('sqrt', indexOf(e, a)) }),
  }
}

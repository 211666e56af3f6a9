import { type Expr, expression, inputCount } from '@scanline/tensor'

/** What native/simd/epilogue.h reads: an epilogue without the operands that are only added to the sums. */
export type EpilogueParams = {
  /** For each extra input its strides between rows and between columns, in elements. */
  readonly extras: readonly { readonly row: number; readonly column: number }[]
  /** Extras that are added as sums are stored. */
  readonly addends: readonly number[]
  /** What is left; operand 0 is the sum, operand k the extra k - 1. Empty: the sum as it is. */
  readonly epilogue: Expr
}

/** As `maxAddends` of native/simd/gemm.h. */
const maxAddends = 4

/** The epilogue with the additions of extras at its beginning (a bias, a residual) split off. */
export function planEpilogue(
  expr: Expr | undefined,
  extras: readonly { readonly row: number; readonly column: number }[],
): EpilogueParams {
  const addends: number[] = []
  let rest: Expr = expr ?? []
  for (;;) {
    const found = addends.length < maxAddends ? leadingAddend(rest, extras) : undefined
    if (!found) break
    addends.push(found.extra)
    rest = found.rest
  }
  const needed = rest.length > 0 ? withoutUnused(rest) : rest
  const identity = needed.length === 1 && needed[0][0] === 'input' && needed[0][1] === 0
  return { extras, addends, epilogue: identity ? [] : needed }
}

/** `add(sum, extra)` where the sum is read by nothing else: that addition becomes operand 0. */
function leadingAddend(
  expr: Expr,
  extras: readonly { readonly column: number }[],
): { readonly extra: number; readonly rest: Expr } | undefined {
  const sum = expr.findIndex(([name, k]) => name === 'input' && k === 0)
  const readers = expr.flatMap((one, at) =>
    one[0] !== 'input' && one[0] !== 'const' && one.slice(1).includes(sum) ? [{ one, at }] : [],
  )
  if (sum < 0 || readers.length !== 1 || readers[0].one[0] !== 'add') return undefined
  const { one, at } = readers[0]
  const other = one[1] === sum ? one[2] : one[1]
  const operand = expr[other as number]
  if (other === sum || operand[0] !== 'input' || extras[operand[1] - 1].column !== 1) return undefined
  return { extra: operand[1] - 1, rest: expr.map((kept, i) => (i === at ? (['input', 0] as const) : kept)) }
}

/** The same expression without instructions that its result does not need. */
const withoutUnused = (expr: Expr): Expr =>
  expression((e) =>
    e.inline(
      expr,
      Array.from({ length: inputCount(expr) }, (_, k) => e.input(k)),
    ),
  )

import { type BinaryName, type Expr, evaluate, expression, type UnaryName, unaryValue } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { eachBackend } from './backends.js'
import { type Input, launch } from './launch.js'

/** Largest error in units in the last place of the result; where it is denormal, in units of the smallest normal's. */
const ulps: Partial<Record<UnaryName, number>> = {
  exp: 1.5,
  log: 1.5,
  log1p: 2,
  tanh: 2,
  erf: 2,
  sigmoid: 2.5,
  sin: 0.51,
  cos: 0.51,
  sqrt: 0.51,
}

/** Gives 0 for some results that are denormal. */
const flushes: readonly UnaryName[] = ['sigmoid']

const special = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  1e4,
  -1e4,
  1e-45,
  -1e-45,
  1e-38,
  -1e-38,
  3.4e38,
  -3.4e38,
  88.72,
  88.73,
  -87.3,
  -103,
  -104,
  1.05,
  0.625,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
]

/** Arguments of every magnitude, and densely where results are interesting. */
const sweep = Float32Array.from([
  ...special,
  ...Array.from({ length: 40_000 }, (_, i) => (i - 20_000) / 1000),
  ...Array.from({ length: 20_000 }, (_, i) => (i % 2 ? 1 : -1) * 2 ** (-149 + (i * 277) / 20_000)),
  ...Array.from({ length: 20_001 }, (_, i) => (i - 10_000) / 90),
])

function ulp(x: number): number {
  const magnitude = Math.max(Math.abs(x), 2 ** -126)
  return 2 ** (Math.floor(Math.log2(magnitude)) - 23)
}

eachBackend('expressions', (backend) => {
  /** The expression over vectors of operands, as the epilogue of a product whose own value it does not read. */
  const run = async (expr: Expr, operands: readonly (Float32Array | readonly number[])[]) => {
    const shape = [1, operands[0].length]
    const nothing: Input[] = [
      { data: [], shape: [1, 0] },
      { data: [], shape: [0, shape[1]] },
    ]
    const shifted = expr.map((i) => (i[0] === 'input' ? (['input', i[1] + 1] as const) : i))
    return (await launch(backend(), 'matmul', [...nothing, ...operands.map((data) => ({ data, shape }))], shape, {
      epilogue: shifted,
    })) as Float32Array
  }

  test.each(Object.keys(unaryValue) as UnaryName[])('%s', async (name) => {
    const actual = await run(
      expression((e) => e.unary(name, e.input(0))),
      [sweep],
    )
    let worst = { error: 0, x: 0, got: 0, expected: 0 }
    for (let i = 0; i < sweep.length; i++) {
      const x = sweep[i]
      const exact = unaryValue[name](x)
      const rounded = Math.fround(exact)
      if (!Number.isFinite(rounded) || rounded === 0 || x === 0) {
        if (!Object.is(actual[i], rounded)) expect.fail(`${name}(${x}) is ${actual[i]}, expected ${rounded}`)
        continue
      }
      if (flushes.includes(name) && exact < 2 ** -126 && actual[i] === 0) continue
      const error = Math.abs(actual[i] - exact) / ulp(exact)
      if (!(error <= worst.error)) worst = { error, x, got: actual[i], expected: exact }
    }
    expect(worst.error, JSON.stringify(worst)).toBeLessThanOrEqual(ulps[name] ?? 0)
  })

  test('erf is within 1e-7 everywhere', async () => {
    const actual = await run(
      expression((e) => e.unary('erf', e.input(0))),
      [sweep],
    )
    const worst = Math.max(...Array.from(sweep, (x, i) => (Number.isNaN(x) ? 0 : Math.abs(actual[i] - unaryValue.erf(x)))))
    expect(worst).toBeLessThan(1.1e-7)
  })

  const pairs = special.flatMap((x) => special.map((y) => [x, y]))
  const lefts = Float32Array.from(pairs, ([x]) => x)
  const rights = Float32Array.from(pairs, ([, y]) => y)
  test.each<BinaryName>(['add', 'sub', 'mul', 'div', 'min', 'max', 'pow', 'lt', 'le', 'eq'])('%s', async (name) => {
    const expr = expression((e) => e.binary(name, e.input(0), e.input(1)))
    const expected = Float32Array.from(evaluate(expr, [Float64Array.from(lefts), Float64Array.from(rights)]))
    expect(await run(expr, [lefts, rights])).toEqual(expected)
  })

  test('select takes any condition but 0 as true', async () => {
    const expr = expression((e) => e.select(e.input(0), e.input(1), e.const(7)))
    expect(
      Array.from(
        await run(expr, [
          [0, -0, 1, Number.NaN, 1e-45],
          [1, 2, 3, 4, 5],
        ]),
      ),
    ).toEqual([7, 7, 3, 4, 5])
  })

  test('constants that JSON cannot write', async () => {
    for (const x of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]) {
      const [value] = await run(
        [
          ['input', 0],
          ['const', x],
          ['mul', 1, 1],
          ['const', x],
        ],
        [[1]],
      )
      expect(value).toBe(x)
    }
  })
})

import { type Expr, expression, type OpCall } from '@scanline/tensor'
import { describe, expect, test } from 'vitest'
import { createWasmBackend } from '../src/index.js'
import { eachBackend } from './backends.js'
import { at, coordinates, expectClose, finish, Sum } from './expected.js'
import { callOf, type Input, launch, noise } from './launch.js'

function expected(a: Input, b: Input, epilogue?: Expr, extras: readonly Input[] = []) {
  const shape = [...a.shape.slice(0, -1), b.shape[b.shape.length - 1]]
  const values: number[] = []
  const bounds: number[] = []
  for (const index of coordinates(shape)) {
    const [lead, row, column] = [index.slice(0, -2), index[index.length - 2], index[index.length - 1]]
    const sum = new Sum()
    for (let k = 0; k < a.shape[a.shape.length - 1]; k++) sum.add(at(a, ...lead, row, k), at(b, ...lead, k, column))
    values.push(finish(epilogue, sum.value, extras, index))
    bounds.push(1e-6 * (sum.magnitude + Math.abs(values[values.length - 1])) + 1e-30)
  }
  return { shape, values, bounds }
}

const matrix = (rows: number, columns: number, seed = 1): Input => ({ data: noise(rows * columns, seed), shape: [rows, columns] })

eachBackend('matmul', (backend) => {
  const check = async (a: Input, b: Input, epilogue?: Expr, extras: readonly Input[] = []) => {
    const { shape, values, bounds } = expected(a, b, epilogue, extras)
    expectClose(await launch(backend(), 'matmul', [a, b, ...extras], shape, { epilogue }), values, (i) => bounds[i])
  }

  test.each([
    [0, 3, 5],
    [3, 0, 5],
    [3, 5, 0],
    [1, 1, 1],
    [1, 7, 49],
    [1, 300, 197],
    [2, 33, 31],
    [3, 17, 9],
    [4, 8, 8],
    [5, 7, 7],
    [6, 9, 10],
    [7, 1, 12],
    [49, 64, 13],
    [197, 31, 15],
    [230, 600, 9],
  ])('%i×%i times %i columns', async (m, k, n) => {
    await check(matrix(m, k), matrix(k, n, 2))
  })

  test('strided rows, a transposed right side, a transposed left side', async () => {
    const linear: Input = { data: noise(31 * 17, 2), shape: [17, 31], strides: [1, 17] }
    await check({ data: noise(30 * 20), shape: [29, 17], strides: [20, 1], offset: 3 }, linear)
    await check({ data: noise(29 * 17), shape: [29, 17], strides: [1, 29] }, linear)
  })

  test('batches: own, shared and nested right sides', async () => {
    const a: Input = { data: noise(3 * 2 * 5 * 6), shape: [3, 2, 5, 6] }
    await check(a, { data: noise(3 * 2 * 6 * 9, 2), shape: [3, 2, 6, 9] })
    await check(a, { data: noise(6 * 9, 2), shape: [3, 2, 6, 9], strides: [0, 0, 9, 1] })
    await check(a, { data: noise(2 * 6 * 9, 2), shape: [3, 2, 6, 9], strides: [0, 54, 9, 1] })
    await check(a, { data: noise(3 * 6 * 9, 2), shape: [3, 2, 6, 9], strides: [54, 0, 9, 1] })
    // Heads of attention: [1, tokens, heads, 6] seen as [1, heads, tokens, 6].
    const heads: Input = { data: noise(7 * 2 * 6), shape: [1, 2, 7, 6], strides: [84, 6, 12, 1] }
    await check(heads, { ...heads, shape: [1, 2, 6, 7], strides: [84, 6, 1, 12] })
  })

  test('an epilogue with a bias row, a residual and a scale for each row', async () => {
    const epilogue = expression((e) => {
      const sum = e.binary('add', e.input(0), e.input(1))
      const gelu = e.binary('mul', sum, e.binary('add', e.unary('erf', e.binary('mul', sum, e.const(Math.SQRT1_2))), e.const(1)))
      return e.binary('add', e.binary('mul', gelu, e.input(3)), e.input(2))
    })
    for (const [m, n] of [
      [7, 13],
      [1, 40],
      [21, 16],
      [4, 1],
    ]) {
      const shape = [m, n]
      const bias: Input = { data: noise(n, 3), shape, strides: [0, 1] }
      const residual: Input = { data: noise(m * (n + 4), 4), shape, strides: [n + 4, 1], offset: 2 }
      const scale: Input = { data: noise(m, 5), shape, strides: [1, 0] }
      await check(matrix(m, 19), matrix(19, n, 2), epilogue, [bias, residual, scale])
      // A transposed residual.
      await check(matrix(m, 19), matrix(19, n, 2), epilogue, [bias, { data: noise(m * n, 4), shape, strides: [1, m] }, scale])
    }
  })

  test('an epilogue over shared and over separate matrices of a batch', async () => {
    const epilogue = expression((e) => e.binary('add', e.input(0), e.input(1)))
    const a: Input = { data: noise(3 * 5 * 6), shape: [3, 5, 6] }
    const shared: Input = { data: noise(54, 2), shape: [3, 6, 9], strides: [0, 9, 1] }
    const own: Input = { data: noise(3 * 54, 2), shape: [3, 6, 9] }
    const perMatrix: Input = { data: noise(3, 3), shape: [3, 5, 9], strides: [1, 0, 0] }
    for (const b of [shared, own]) await check(a, b, epilogue, [perMatrix])
  })

  test('infinities, NaN, signed zeros and large values', async () => {
    const a: Input = { data: [1e4, -1e4, 0, Number.POSITIVE_INFINITY, 1, 2, Number.NaN, 1, 0, -0, 0, -0], shape: [4, 3] }
    const b: Input = { data: [1e4, 1, 0, 1e4, -1, 0, 2, 3, -0], shape: [3, 3] }
    await check(a, b)
  })
})

describe('matmul select', () => {
  test('refuses what it cannot compute, and says why', async () => {
    const backend = await createWasmBackend({ threads: 1 })
    const call: OpCall = callOf('matmul', [matrix(2, 2), matrix(2, 2)], [2, 2])
    const ints = { ...call, inputs: call.inputs.map((x) => ({ ...x, dtype: 'i32' as const })) }
    expect(backend.select(ints)).toEqual({ refused: 'matmul: takes f32, not i32' })
    backend.dispose()
  })

  test('a launch is JSON', async () => {
    const backend = await createWasmBackend({ threads: 1 })
    const chosen = backend.select(callOf('matmul', [matrix(196, 384), matrix(384, 1024)], [196, 1024]))
    expect(JSON.parse(JSON.stringify(chosen))).toEqual(chosen)
    expect(chosen).toMatchObject({ kernel: 'matmul', params: { rows: 196, depth: 384, columns: 1024 } })
    backend.dispose()
  })
})

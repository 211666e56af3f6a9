import { contiguousStrides, type DType, type Expr, eachPosition, expression, type Launch, sizeOf } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collapse } from '../src/layout.js'
import { callOf, type Input, noise } from './launch.js'
import { awkward, strided, suite } from './reference.js'

const { check, run, backends } = suite()

const affine: Expr = expression((e) => e.binary('add', e.binary('mul', e.input(0), e.input(1)), e.input(2)))
const sum: Expr = expression((e) => e.binary('add', e.input(0), e.input(1)))
const gelu: Expr = expression((e) => {
  const x = e.input(0)
  const phi = e.binary('add', e.const(1), e.unary('erf', e.binary('mul', x, e.const(Math.SQRT1_2))))
  return e.binary('mul', e.binary('mul', x, e.const(0.5)), phi)
})
const f32 = { dtype: 'f32' as const }
const tolerance = { relative: 3e-7, ofLargest: 1.2e-7 }
const sizes = [0, 1, 3, 4, 7, 15, 16, 17, 49, 63, 197, 1023, 1025, 4099, 50_003]

test.each(sizes)('%i elements', async (n) => {
  const x = [1, 2, 3].map((seed) => ({ data: noise(n, seed), shape: [n] }))
  await check('pointwise', x, { expr: affine, ...f32 }, tolerance)
  await check('pointwise', x.slice(0, 1), { expr: gelu, ...f32 }, { ofLargest: 3e-7 })
})

describe('layouts', () => {
  const shape = [5, 6, 7, 49]
  const n = sizeOf(shape)
  const whole = { data: noise(n), shape }
  const channel = { data: noise(49, 2), shape, strides: [0, 0, 0, 1] }
  const perRow = { data: noise(5 * 6 * 7, 3), shape, strides: [42, 7, 1, 0] }
  const scalar = { data: [0.37], shape, strides: [0, 0, 0, 0] }
  const channelSlice = { data: noise(2 * n), shape, strides: contiguousStrides(shape.with(3, 98)), offset: 49 }
  const permuted = strided(noise(n), shape, 'permuted')
  const gaps = strided(noise(n), shape, 'gaps')
  test.each(Object.entries({ channel, perRow, scalar, channelSlice, permuted, gaps }))('%s', async (_, y) => {
    await check('pointwise', [whole, y], { expr: sum, ...f32 }, tolerance)
    await check('pointwise', [y, channel, perRow], { expr: affine, ...f32 }, tolerance)
  })

  test('a transposed operand of a size that is copied first', async () => {
    const shape = [150, 140]
    const x: Input = { data: noise(sizeOf(shape)), shape, strides: [1, 150] }
    const call = callOf('pointwise', [x, x], shape, { expr: sum, ...f32 })
    expect((backends[0].select(call) as Launch).prepare).toHaveLength(2)
    await check('pointwise', [x, { data: noise(sizeOf(shape), 4), shape }], { expr: sum, ...f32 }, tolerance)
  })

  test('any shape and strides', async () => {
    const cases = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 0, maxLength: 4 }).chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        strides: fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: shape.length, maxLength: shape.length }), {
          minLength: 2,
          maxLength: 2,
        }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, strides }) => {
        const inputs = strides.map((s, i) => ({ data: noise(200, i + 1), shape, strides: s }))
        await check('pointwise', inputs, { expr: sum, ...f32 })
      }),
      { numRuns: 60 },
    )
  })
})

test('an operand that the expression does not read may be of any type', async () => {
  const unread: Input = { data: [1, 2, 3], shape: [3], dtype: 'f64' }
  await check('pointwise', [{ data: [1, 2, 3], shape: [3] }, unread], { expr: [['input', 0]], ...f32 })
})

test('an expression without operands, and one that is its operand', async () => {
  await check('pointwise', [{ data: noise(7), shape: [7] }], { expr: [['const', 2.5]], ...f32 })
  await check('pointwise', [{ data: awkward, shape: [2, 7], strides: [1, 2] }], { expr: [['input', 0]], ...f32 })
})

test('infinities, NaN, denormals and zeros of both signs', async () => {
  const x = { data: awkward.flatMap((v) => awkward.map(() => v)), shape: [awkward.length ** 2] }
  const y = { data: awkward.flatMap(() => awkward), shape: [awkward.length ** 2] }
  for (const name of ['add', 'sub', 'mul', 'div', 'min', 'max', 'lt', 'le', 'eq'] as const)
    await check(
      'pointwise',
      [x, y],
      {
        expr: [
          ['input', 0],
          ['input', 1],
          [name, 0, 1],
        ],
        ...f32,
      },
      { relative: 1e-7 },
    )
})

describe('types', () => {
  const inputs: DType[] = ['f32', 'bool', 'u8', 'i32', 'i64', 'f16', 'bf16']
  const outputs: DType[] = ['f32', 'bool', 'u8', 'i32', 'f16', 'bf16']
  const data = (n: number, dtype: DType) => Array.from({ length: n }, (_, i) => (dtype === 'bool' ? i % 2 : (i * 5) % 100))
  test.each(inputs)('%s in', async (dtype) => {
    for (const out of outputs) {
      for (const n of [1, 6, 35]) {
        const x = { data: data(n, dtype), shape: [n], dtype }
        const y = { data: data(n, 'f32'), shape: [n] }
        await check('pointwise', [x, y], { expr: sum, dtype: out })
      }
      const shape = [5, 7]
      const layouts = [
        [1, 5],
        [0, 1],
        [1, 0],
        [2, 3],
      ]
      for (const strides of layouts) {
        const x = { data: data(50, dtype), shape, strides, dtype }
        await check('pointwise', [x, { data: data(35, 'f32'), shape }], { expr: sum, dtype: out })
      }
    }
  })

  test('a condition selects', async () => {
    const condition = { data: data(35, 'bool'), shape: [35], dtype: 'bool' as const }
    const expr: Expr = [
      ['input', 0],
      ['input', 1],
      ['const', -1],
      ['select', 0, 1, 2],
    ]
    await check('pointwise', [condition, { data: noise(35), shape: [35] }], { expr, ...f32 })
  })

  test('f64 and i64 results are refused', async () => {
    const x = { data: [1], shape: [1] }
    await expect(run('pointwise', [x, x], { expr: sum, dtype: 'i64' })).rejects.toThrow(/not i64; cast/)
    await expect(run('pointwise', [{ ...x, dtype: 'f64' }, x], { expr: sum, ...f32 })).rejects.toThrow(
      /not f64; .* cast\(\) to f32/,
    )
  })
})

test('collapsing axes keeps every position, in order', () => {
  const layouts = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 0, maxLength: 5 }).chain((shape) => {
    const own = contiguousStrides(shape)
    const stride = fc.tuple(...shape.map((_, i) => fc.constantFrom(own[i], 0, 1, 7 * own[i])))
    return fc.tuple(fc.constant(shape), fc.array(stride, { minLength: 1, maxLength: 3 }))
  })
  const positions = (shape: readonly number[], strides: readonly number[]) => {
    const list: number[] = []
    eachPosition(shape, strides, (at) => list.push(at))
    return list
  }
  fc.assert(
    fc.property(layouts, ([shape, strides]) => {
      const merged = collapse(shape, strides)
      strides.forEach((own, t) => {
        expect(positions(merged.dims, merged.strides[t])).toEqual(positions(shape, own))
      })
      expect(merged.dims.length).toBeLessThanOrEqual(shape.length)
    }),
  )
  expect(collapse([2, 3, 4], [contiguousStrides([2, 3, 4]), [0, 0, 1]])).toEqual({
    dims: [6, 4],
    strides: [
      [4, 1],
      [0, 1],
    ],
  })
})

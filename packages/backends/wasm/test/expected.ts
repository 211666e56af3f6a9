import { contiguousStrides, type Expr, evaluate, sizeOf } from '@scanline/tensor'
import { expect } from 'vitest'
import type { Input } from './launch.js'

/** Element `index` (row-major) of an input. */
export function at({ data, shape, strides = contiguousStrides(shape), offset = 0 }: Input, ...index: number[]): number {
  return data[index.reduce((sum, i, axis) => sum + i * strides[axis], offset)]
}

/** Row-major coordinates of every element of `shape`. */
export function* coordinates(shape: readonly number[]): Generator<number[]> {
  const strides = contiguousStrides(shape)
  for (let i = 0; i < sizeOf(shape); i++) yield shape.map((d, axis) => Math.floor(i / strides[axis]) % d)
}

/** A sum of products in doubles, with the sum of magnitudes that bounds its rounding error. */
export class Sum {
  value = 0
  magnitude = 0
  add(x: number, y: number): void {
    this.value += x * y
    this.magnitude += Math.abs(x * y)
  }
}

/** Applies an epilogue to one element, its operands from `extras`. */
export const finish = (epilogue: Expr | undefined, sum: number, extras: readonly Input[], index: number[]): number =>
  epilogue ? evaluate(epilogue, [Float64Array.of(sum), ...extras.map((e) => Float64Array.of(at(e, ...index)))])[0] : sum

/** Each value within `bound` of the expected one, infinities and NaN exactly. */
export function expectClose(actual: ArrayLike<number | bigint>, expected: readonly number[], bound: (i: number) => number): void {
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [Number(actual[i]), expected[i]]
    const ok = Number.isFinite(e) ? Math.abs(a - e) <= bound(i) : Object.is(a, e)
    if (!ok) expect.fail(`element ${i} is ${a}, expected ${e} within ${bound(i)}`)
  }
}

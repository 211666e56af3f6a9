import { type FunctionBuilder, i32, type Local, type Operand, type Value } from './assembler/index.js'

/** Axes of one iteration space and, for each tensor in it, the stride of every axis, in elements. */
export interface Layout {
  readonly dims: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

/** The same iteration with axes of length 1 dropped and neighbours merged wherever all tensors step through both evenly. */
export function collapse(shape: readonly number[], strides: readonly (readonly number[])[]): Layout {
  const dims: number[] = []
  const merged: number[][] = strides.map(() => [])
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 1) continue
    const fits = dims.length > 0 && strides.every((s, t) => merged[t].at(-1) === s[axis] * shape[axis])
    if (fits) dims[dims.length - 1] *= shape[axis]
    else dims.push(shape[axis])
    strides.forEach((s, t) => {
      if (fits) merged[t][merged[t].length - 1] = s[axis]
      else merged[t].push(s[axis])
    })
  }
  return { dims, strides: merged }
}

/**
 * Writes code that takes `index` apart into coordinates of `dims`, and gives for each list of strides the sum of
 * coordinate × stride: where the item starts, in the unit of the strides.
 */
export function offsets(
  f: FunctionBuilder,
  index: Local<'i32'>,
  dims: readonly number[],
  strides: readonly (readonly number[])[],
): Local<'i32'>[] {
  const sums = strides.map(() => f.let<'i32'>(i32.const(0)))
  const add = (coordinate: Value<'i32'>, axis: number) =>
    strides.forEach((s, t) => {
      if (s[axis] !== 0) f.set(sums[t], i32.add(sums[t], i32.mul(coordinate, s[axis])))
    })
  const rest = f.let<'i32'>(index)
  for (let axis = dims.length - 1; axis > 0; axis--) {
    const quotient = f.let(i32.div_u(rest, dims[axis]))
    const coordinate = f.let(i32.sub(rest, i32.mul(quotient, dims[axis])))
    add(coordinate, axis)
    f.set(rest, quotient)
  }
  if (dims.length > 0) add(rest, 0)
  return sums
}

/** The address of element `index`, each `bytes` long. */
export const element = (pointer: Operand<'i32'>, index: Operand<'i32'>, bytes: number): Value<'i32'> =>
  i32.add(pointer, i32.mul(index, bytes))

import { ShapeError } from './errors.js'

export type Shape = readonly number[]

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let n = 1
  for (const d of shape) n *= d
  return n
}

/** Throws `ShapeError` unless every length is a whole number from 0 on. */
export function checkShape(shape: Shape): void {
  if (shape.some((d) => !Number.isInteger(d) || d < 0))
    throw new ShapeError(`a shape needs non-negative whole numbers, got ${formatShape(shape)}`)
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= shape[i]
  }
  return strides
}

/** True when elements lie one after the other in row-major order; axes of length 1 may have any stride. */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 0) return true
    if (shape[i] !== 1 && strides[i] !== expected) return false
    expected *= shape[i]
  }
  return true
}

/** The shape that both broadcast to, by NumPy's rule. Throws `ShapeError`. */
export function broadcastShapes(...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length))
  return Array.from({ length: rank }, (_, axis) => {
    let dim = 1
    for (const shape of shapes) {
      const d = shape[axis - rank + shape.length] ?? 1
      if (d === 1 || d === dim) continue
      if (dim !== 1)
        throw new ShapeError(
          `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: ${dim} and ${d} differ on axis ${axis} and neither is 1`,
        )
      dim = d
    }
    return dim
  })
}

/** A non-negative axis for `axis`, which may count from the end. Throws `ShapeError`. */
export function resolveAxis(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank)
    throw new ShapeError(`axis ${axis} is outside a tensor of rank ${rank}; use ${-rank} … ${rank - 1}`)
  return resolved
}

export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i])

/** Calls `visit` with the position, in elements, of every element of a strided layout, in row-major order. */
export function eachPosition(shape: Shape, strides: readonly number[], visit: (position: number, i: number) => void): void {
  const index = new Array<number>(shape.length).fill(0)
  const size = sizeOf(shape)
  for (let i = 0, at = 0; i < size; i++) {
    visit(at, i)
    for (let a = shape.length - 1; a >= 0; a--) {
      at += strides[a]
      if (++index[a] < shape[a]) break
      at -= strides[a] * shape[a]
      index[a] = 0
    }
  }
}

/** Elements from the first to the last of a strided layout, gaps included. */
export const spanOf = (shape: Shape, strides: readonly number[]): number =>
  sizeOf(shape) === 0 ? 0 : shape.reduce((n, d, i) => n + (d - 1) * strides[i], 1)

/**
 * The layout with all axes but the last merged into one: [..., C] as [rows, C]. Undefined where the leading axes do not
 * follow one another in memory.
 */
export function collapseRows(
  shape: Shape,
  strides: readonly number[],
): { shape: [number, number]; strides: [number, number] } | undefined {
  const last = shape.length - 1
  let stride = 0
  let rows = 1
  for (let i = last - 1; i >= 0; i--) {
    if (shape[i] === 1) continue
    if (rows === 1) stride = strides[i]
    else if (strides[i] !== stride * rows) return undefined
    rows *= shape[i]
  }
  return { shape: [rows, shape[last]], strides: [stride, strides[last]] }
}

import type { StateArray } from '@scanline/nn'
import { type Backend, type DType, type Shape, sizeOf, type Tensor, tensor } from '@scanline/tensor'

const gamma = 0x9e3779b9

function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

function lowbias32(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}

/** The numbers in (-1, 1) that belong to a name, in doubles. */
function noise(salt: string, name: string, size: number): Float64Array {
  const seed = fnv1a(`${salt}:${name}`)
  return Float64Array.from({ length: size }, (_, i) => (lowbias32((seed + Math.imul(i, gamma)) | 0) + 0.5) / 2 ** 31 - 1)
}

type Rule = (v: number) => number
const around =
  (centre: number, spread: number): Rule =>
  (v) =>
    centre + spread * v

/** By the last part of the name, where the shape does not decide. */
const leaves: Readonly<Record<string, Rule>> = {
  num_batches_tracked: around(0, 0),
  running_mean: around(0, 0.1),
  running_var: around(1, 0.5),
  A: around(8.5, 7.5),
  D: around(1, 0.1),
  alpha: around(0, 0.5),
}

/** Weights of the reference files, rounded to float32: as much of the rule as EfficientViM's names need. */
export function weight(salt: string, name: string, shape: Shape): StateArray {
  const leaf = name.slice(name.lastIndexOf('.') + 1)
  const matrix = shape.length >= 2 && !(shape.length >= 3 && shape.every((d, axis) => axis === 1 || d === 1))
  const rule =
    leaves[leaf] ??
    (matrix ? around(0, Math.sqrt(3 / sizeOf(shape.slice(1)))) : leaf === 'weight' ? around(1, 0.1) : around(0, 0.1))
  return { shape, data: noise(salt, name, sizeOf(shape)).map((v) => Math.fround(rule(v))) }
}

/** An input of the reference files: float32(v) times float32(scale). */
export function input(
  salt: string,
  shape: Shape,
  { device, dtype, scale = 1 }: { readonly device: Backend; readonly dtype: DType; readonly scale?: number },
): Tensor {
  const values = noise(salt, 'input', sizeOf(shape)).map((v) => Math.fround(Math.fround(v) * Math.fround(scale)))
  return tensor(values, { shape, device, dtype })
}

/** A state dict for the entries of a reference file. */
export const state = (salt: string, entries: readonly (readonly [string, Shape, ...unknown[]])[]): [string, StateArray][] =>
  entries.map(([name, shape]) => [name, weight(salt, name, shape)])

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

/** Weights of the reference files, rounded to float32: as much of the rule as Vim's names need. */
export function weight(salt: string, name: string, shape: Shape): StateArray {
  const leaf = name.slice(name.lastIndexOf('.') + 1)
  const around = (centre: number, width: number) => (x: number) => centre + width * x
  const byLeaf: Record<string, (x: number, i: number) => number> = {
    A_log: (x, i) => Math.log(1 + (i % shape[1])) + 0.1 * x,
    A_b_log: (x, i) => Math.log(1 + (i % shape[1])) + 0.1 * x,
    D: around(1, 0.1),
    D_b: around(1, 0.1),
    pos_embed: around(0, 0.1),
    cls_token: around(0, 0.1),
    gamma: around(0.5, 0.1),
  }
  const byShape =
    shape.length >= 2 ? (x: number) => x * Math.sqrt(3 / sizeOf(shape.slice(1))) : around(leaf === 'weight' ? 1 : 0, 0.1)
  const value = /dt_proj(_b)?\.bias$/.test(name) ? around(-3, 0.5) : (byLeaf[leaf] ?? byShape)
  return { shape, data: noise(salt, name, sizeOf(shape)).map((x, i) => Math.fround(value(x, i))) }
}

/** The input of the reference files. */
export const input = (
  salt: string,
  shape: Shape,
  { device, dtype }: { readonly device: Backend; readonly dtype: DType },
): Tensor => tensor(noise(salt, 'input', sizeOf(shape)).map(Math.fround), { shape, device, dtype })

/** A state dict for the entries of a reference file. */
export const state = (salt: string, entries: readonly (readonly [string, Shape, ...unknown[]])[]): [string, StateArray][] =>
  entries.map(([name, shape]) => [name, weight(salt, name, shape)])

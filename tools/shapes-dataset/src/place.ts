import type { Outline } from './outlines.js'
import type { Chance, Vector } from './random.js'

/** Where an outline of unit size goes: `x + a u + b v`, `y + c u + d v`. */
export interface Placement {
  readonly x: number
  readonly y: number
  readonly radius: number
  /** a, b, c, d without the radius. */
  readonly axes: readonly [number, number, number, number]
}

/** Turned, mirrored, stretched and sheared a little; `turn` as a unit vector. */
export function placement(chance: Chance, x: number, y: number, radius: number, distortion = 1): Placement {
  const [cos, sin] = chance.direction()
  const stretch = chance.between(1 - 0.18 * distortion, 1 + 0.18 * distortion)
  const shear = chance.between(-0.15, 0.15) * distortion
  const mirror = chance.happens(0.5) ? -1 : 1
  const [p, q] = [mirror * stretch, 1 / stretch]
  return { x, y, radius, axes: [cos * p, cos * shear - sin * q, sin * p, sin * shear + cos * q] }
}

export function placed(outline: Outline, { x, y, radius, axes: [a, b, c, d] }: Placement): Vector[][] {
  return outline.map((ring) => ring.map(([u, v]): Vector => [x + radius * (a * u + b * v), y + radius * (c * u + d * v)]))
}

import { type Chance, latticeValue, type Vector } from './random.js'

export type Colour = readonly [number, number, number]

/** How much of the second colour a point has, 0 to 1; coordinates in pixels. */
type Pattern = (x: number, y: number) => number

/** What a surface looks like before light falls on it. */
export interface Paint {
  readonly first: Colour
  readonly second: Colour
  readonly pattern: Pattern
}

const smooth = (t: number): number => t * t * (3 - 2 * t)
const fraction = (v: number): number => v - Math.floor(v)

/** Values at the points of a lattice, smoothly in between. */
function valueNoise(seed: number, x: number, y: number): number {
  const [i, j] = [Math.floor(x), Math.floor(y)]
  const [u, v] = [smooth(x - i), smooth(y - j)]
  const upper = latticeValue(seed, i, j) * (1 - u) + latticeValue(seed, i + 1, j) * u
  const lower = latticeValue(seed, i, j + 1) * (1 - u) + latticeValue(seed, i + 1, j + 1) * u
  return upper * (1 - v) + lower * v
}

/** Patterns by name; `scale` is the length of their repetition in pixels. */
const PATTERNS: readonly ((chance: Chance, scale: number) => Pattern)[] = [
  () => () => 0,
  (chance, scale) => {
    const [dx, dy] = chance.direction()
    const hard = chance.happens(0.5)
    return (x, y) => {
      const t = fraction((x * dx + y * dy) / scale)
      const wave = t < 0.5 ? 2 * t : 2 - 2 * t
      return hard ? Math.max(0, Math.min(1, (wave - 0.5) * scale)) : smooth(wave)
    }
  },
  (chance, scale) => {
    const [dx, dy] = chance.direction()
    const wave = (t: number) => Math.max(-1, Math.min(1, (Math.abs(fraction(t) - 0.5) - 0.25) * scale))
    return (x, y) => 0.5 + 0.5 * wave((x * dx + y * dy) / (2 * scale)) * wave((y * dx - x * dy) / (2 * scale))
  },
  (chance, scale) => {
    const seed = chance.word()
    return (x, y) => 0.65 * valueNoise(seed, x / scale, y / scale) + 0.35 * valueNoise(seed + 1, (3 * x) / scale, (3 * y) / scale)
  },
  (chance, scale) => {
    const [dx, dy] = chance.direction()
    return (x, y) => {
      const [u, v] = [fraction((x * dx + y * dy) / scale) - 0.5, fraction((y * dx - x * dy) / scale) - 0.5]
      return Math.max(0, Math.min(1, (0.32 - Math.sqrt(u * u + v * v)) * scale))
    }
  },
]

const anyColour = (chance: Chance): Colour => [chance.between(15, 240), chance.between(15, 240), chance.between(15, 240)]

/** Of a paint, on the average. */
export const meanColour = ({ first, second }: Paint): Colour => mix(first, second, 0.4)

export const mix = (a: Colour, b: Colour, t: number): Colour => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
]

export function distance(a: Colour, b: Colour): number {
  const [r, g, bl] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
  return Math.sqrt(r * r + g * g + bl * bl)
}

/** A paint whose colours differ from `from` by at least `contrast`, and from each other by at most `variety`. */
export function paint(chance: Chance, scale: number, variety: number, from?: Colour, contrast = 0): Paint {
  const fits = (colour: Colour) => !from || distance(colour, from) >= contrast
  let first = anyColour(chance)
  for (let tries = 0; tries < 40 && !fits(first); tries++) first = anyColour(chance)
  let second = first
  for (let tries = 0; tries < 40; tries++) {
    const other = anyColour(chance)
    const near = mix(first, other, Math.min(1, variety / Math.max(1, distance(first, other))))
    if (!fits(near)) continue
    second = near
    break
  }
  return { first, second, pattern: chance.pick(PATTERNS)(chance, scale) }
}

export interface Light {
  readonly direction: Vector
  /** Change of brightness across the picture. */
  readonly slope: number
  /** Change of brightness across an object. */
  readonly shading: number
  /** Loss of brightness in the corners. */
  readonly vignette: number
  readonly level: number
  /** Length of shadows over the objects' radius, and how dark they are. */
  readonly shadow: { readonly length: number; readonly depth: number }
}

export const light = (chance: Chance, difficulty: number): Light => ({
  direction: chance.direction(),
  slope: chance.between(0, 0.3 + 0.4 * difficulty),
  shading: chance.between(0.05, 0.3),
  vignette: chance.between(0, 0.4 * difficulty),
  level: chance.between(1 - 0.35 * difficulty, 1 + 0.15 * difficulty),
  shadow: { length: chance.between(0.05, 0.25), depth: chance.happens(0.6) ? chance.between(0.15, 0.5) : 0 },
})

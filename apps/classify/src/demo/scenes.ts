import type { Image } from '@scanline/image'
import type { Generator } from '@scanline/tensor'

/** How much ink covers a point, in a pattern of period 1; `softness` is the width of a pixel in periods. */
type Pattern = (x: number, y: number, softness: number) => number

/** 1 inside (distance below 0), 0 outside, smooth over one pixel. */
const inside = (distance: number, softness: number): number => Math.min(1, Math.max(0, 0.5 - distance / softness))

/** Signed distance to the nearest whole number. */
const toGrid = (t: number): number => t - Math.round(t)

const stripes = (t: number, softness: number): number => inside(Math.abs(toGrid(t)) - 0.25, softness)

const patterns = {
  'horizontal stripes': (_, y, s) => stripes(y, s),
  'vertical stripes': (x, _, s) => stripes(x, s),
  'diagonal stripes': (x, y, s) => stripes((x + y) / Math.SQRT2, s),
  checkerboard: (x, y, s) => {
    const [a, b] = [stripes(x / 2, s / 2), stripes(y / 2, s / 2)]
    return a + b - 2 * a * b
  },
  dots: (x, y, s) => inside(Math.hypot(toGrid(x), toGrid(y)) - 0.34, s),
  rings: (x, y, s) => stripes(Math.hypot(x, y), s),
} as const satisfies Record<string, Pattern>

export type SceneName = keyof typeof patterns

/** The classes of the demo, in the order of the classifier's outputs. */
export const sceneNames = Object.keys(patterns) as SceneName[]

/** Draws one picture: the pattern at some scale, shifted and slightly turned, in two colours, lit from a side, with noise. */
export function drawScene(name: SceneName, random: Generator, side: number): Image {
  const pattern: Pattern = patterns[name]
  const between = (low: number, high: number): number => low + (high - low) * random.uniform()
  const [ground, ink] = colours(between)
  const period = side * between(0.1, 0.17)
  const [cx, cy] = [between(0.25, 0.75) * side, between(0.25, 0.75) * side]
  const turn = between(-0.14, 0.14)
  const [cos, sin] = [Math.cos(turn) / period, Math.sin(turn) / period]
  const light = between(0, 2 * Math.PI)
  const [lightX, lightY] = [(0.3 * Math.cos(light)) / side, (0.3 * Math.sin(light)) / side]
  const noise = between(4, 14)

  const data = new Uint8Array(side * side * 3)
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x + 0.5 - cx, y + 0.5 - cy]
      const cover = pattern(cos * dx + sin * dy, cos * dy - sin * dx, 1.5 / period)
      const shade = 1 + lightX * (x - side / 2) + lightY * (y - side / 2)
      const grain = noise * triangular(random)
      for (let c = 0; c < 3; c++, at++) {
        const value = (ground[c]! + cover * (ink[c]! - ground[c]!)) * shade + grain
        data[at] = Math.min(255, Math.max(0, Math.round(value)))
      }
    }
  }
  return { width: side, height: side, channels: 3, data }
}

/** In -1..1, most often near 0. */
function triangular(random: Generator): number {
  const [a, b] = random.words()
  return (a + b) * 2 ** -32 - 1
}

type Colour = readonly [number, number, number]

/** Two colours that differ well in hue and in lightness, either one the darker. */
function colours(between: (low: number, high: number) => number): [Colour, Colour] {
  const hue = between(0, 360)
  const light = fromHsl(hue, between(0.5, 0.9), between(0.68, 0.86))
  const dark = fromHsl(hue + between(60, 300), between(0.45, 0.85), between(0.2, 0.4))
  return [light, dark]
}

/** Hue in degrees, saturation and lightness in 0..1, to bytes (CSS Color 4, section 7). */
function fromHsl(hue: number, saturation: number, lightness: number): Colour {
  const channel = (n: number): number => {
    const k = (n + hue / 30) % 12
    const a = saturation * Math.min(lightness, 1 - lightness)
    return 255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)))
  }
  return [channel(0), channel(8), channel(4)]
}

import type { Outline } from './outlines.js'
import type { Vector } from './random.js'

/** How much of each pixel of a rectangle an outline covers, 0 to 1. */
export interface Coverage {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly data: Float64Array
}

/** Lines that are looked at in each row of pixels. */
const LINES = 4

/** Coverage of the pixels of a square picture: exact along x, by four lines along y. */
export function coverageOf(outline: Outline, size: number): Coverage {
  const points = outline.flat()
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const clip = (v: number) => Math.max(0, Math.min(size, v))
  const [left, right] = [clip(Math.floor(Math.min(...xs))), clip(Math.ceil(Math.max(...xs)))]
  const [top, bottom] = [clip(Math.floor(Math.min(...ys))), clip(Math.ceil(Math.max(...ys)))]
  const [width, height] = [right - left, bottom - top]
  const data = new Float64Array(width * height)
  for (let line = 0; line < height * LINES; line++) {
    const y = top + (line + 0.5) / LINES
    const row = Math.floor(line / LINES) * width
    const crossings = outline.flatMap((ring) => crossingsAt(ring, y)).sort((a, b) => a - b)
    for (let i = 0; i + 1 < crossings.length; i += 2)
      addSpan(data, row, width, (crossings[i] as number) - left, (crossings[i + 1] as number) - left)
  }
  return { left, top, width, height, data }
}

function crossingsAt(ring: readonly Vector[], y: number): number[] {
  return ring.flatMap(([x1, y1], i) => {
    const [x2, y2] = ring[(i + 1) % ring.length] as Vector
    return y1 <= y !== y2 <= y ? [x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)] : []
  })
}

function addSpan(data: Float64Array, row: number, width: number, from: number, to: number): void {
  const [a, b] = [Math.max(0, from), Math.min(width, to)]
  for (let x = Math.floor(a); x < b; x++) {
    const part = Math.min(b, x + 1) - Math.max(a, x)
    if (part > 0) data[row + x] = Math.min(1, (data[row + x] as number) + part / LINES)
  }
}

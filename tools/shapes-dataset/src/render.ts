import type { Image } from '@scanline/image'
import type { Coverage } from './coverage.js'
import { type Colour, mix, type Paint } from './paint.js'
import { latticeValue } from './random.js'
import type { Layer, Scene } from './scene.js'

/** Paints a scene: surfaces and shadows from back to front, then light, focus and noise. */
export function render(scene: Scene): Image {
  const { size, background, layers, light } = scene
  const pixels = new Float64Array(size * size * 3)
  fill(pixels, size, background)
  for (const layer of layers) {
    if (light.shadow.depth > 0) shade(pixels, size, layer, scene)
    cover(pixels, size, layer, scene)
  }
  illuminate(pixels, scene)
  return { width: size, height: size, channels: 3, data: expose(scene.blurred ? blur(pixels, size) : pixels, scene) }
}

const colourAt = ({ first, second, pattern }: Paint, x: number, y: number): Colour => mix(first, second, pattern(x, y))

function fill(pixels: Float64Array, size: number, paint: Paint): void {
  for (let y = 0, i = 0; y < size; y++) for (let x = 0; x < size; x++, i += 3) pixels.set(colourAt(paint, x, y), i)
}

/** Calls with each pixel that is covered, and how much. */
function eachCovered(
  { left, top, width, height, data }: Coverage,
  size: number,
  dx: number,
  dy: number,
  paint: (x: number, y: number, part: number) => void,
): void {
  for (let v = 0; v < height; v++)
    for (let u = 0; u < width; u++) {
      const [x, y, part] = [left + u + dx, top + v + dy, data[v * width + u] as number]
      if (part > 0 && x >= 0 && y >= 0 && x < size && y < size) paint(x, y, part)
    }
}

function shade(pixels: Float64Array, size: number, { coverage, radius }: Layer, { light }: Scene): void {
  const { direction, shadow } = light
  const [dx, dy] = direction.map((d) => Math.floor(d * shadow.length * radius + 0.5)) as [number, number]
  eachCovered(coverage, size, dx, dy, (x, y, part) => {
    const at = (y * size + x) * 3
    for (let c = 0; c < 3; c++) pixels[at + c] = (pixels[at + c] as number) * (1 - shadow.depth * part)
  })
}

function cover(pixels: Float64Array, size: number, layer: Layer, { light }: Scene): void {
  const [lx, ly] = light.direction
  eachCovered(layer.coverage, size, 0, 0, (x, y, part) => {
    const colour = colourAt(layer.paint, x - layer.x, y - layer.y)
    // The side that is turned to the light is brighter; shadows fall along its direction.
    const lit = 1 - (light.shading * ((x - layer.x) * lx + (y - layer.y) * ly)) / layer.radius
    const at = (y * size + x) * 3
    for (let c = 0; c < 3; c++) {
      const below = pixels[at + c] as number
      pixels[at + c] = below + (Math.min(255, (colour[c] as number) * lit) - below) * part
    }
  })
}

function illuminate(pixels: Float64Array, { size, light }: Scene): void {
  const [lx, ly] = light.direction
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i += 3) {
      const [u, v] = [(2 * x) / size - 1, (2 * y) / size - 1]
      const gain = light.level * (1 - light.slope * 0.5 * (u * lx + v * ly)) * (1 - 0.5 * light.vignette * (u * u + v * v))
      for (let c = 0; c < 3; c++) pixels[i + c] = (pixels[i + c] as number) * gain
    }
}

/** The mean of 3 x 3 pixels; the border repeats itself. */
function blur(pixels: Float64Array, size: number): Float64Array {
  const out = new Float64Array(pixels.length)
  const clip = (v: number) => Math.max(0, Math.min(size - 1, v))
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      for (let c = 0; c < 3; c++, i++) {
        let sum = 0
        for (let v = -1; v <= 1; v++)
          for (let u = -1; u <= 1; u++) sum += pixels[(clip(y + v) * size + clip(x + u)) * 3 + c] as number
        out[i] = sum / 9
      }
  return out
}

/** Adds noise, the sum of four even ones, which is close to normal, and rounds to bytes. */
function expose(pixels: Float64Array, { noise, noiseSeed, size }: Scene): Uint8Array {
  const out = new Uint8Array(pixels.length)
  // Four uniform numbers have the variance 4/12.
  const scale = noise * Math.sqrt(3)
  for (let i = 0; i < out.length; i++) {
    const [x, y] = [i % (3 * size), Math.floor(i / (3 * size))]
    let sum = -2
    for (let k = 0; k < 4; k++) sum += latticeValue(noiseSeed + k, x, y)
    out[i] = Math.max(0, Math.min(255, Math.floor((pixels[i] as number) + scale * sum + 0.5)))
  }
  return out
}

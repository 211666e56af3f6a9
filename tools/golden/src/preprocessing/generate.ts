import type { Image } from '@scanline/image'
import type { Field } from '../field.js'
import { fnv1a32, wordAt } from '../fill.js'

const div = (a: number, b: number): number => Math.floor(a / b)

/** An image that a file names by `name`, `kind` and size, or by its one colour: the formulas of every preprocessing file's `readme`. */
export function generateImage(field: Field, salt: string): Image {
  const [width, height] = [field.at('width').count(), field.at('height').count()]
  const constant = field.maybe('constant')?.numbers()
  if (constant) {
    const data = Uint8Array.from({ length: width * height * constant.length }, (_, i) => constant[i % constant.length])
    return { width, height, channels: constant.length, data }
  }
  const channels = field.at('channels').count()
  const seed = fnv1a32(`${salt}:${field.at('name').string()}`)
  const noise = (i: number): number => wordAt(seed, i) >>> 24
  const data = new Uint8Array(width * height * channels)
  if (field.at('kind').oneOf('noise', 'scene') === 'noise') {
    for (let i = 0; i < data.length; i++) data[i] = noise(i)
    return { width, height, channels, data }
  }
  if (channels !== 3) field.at('channels').fail(`a scene has 3 channels, found ${channels}`)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (const value of scenePixel(x, y, width, height)) {
        data[i] = Math.min(255, Math.max(0, value + (noise(i) & 15) - 8))
        i++
      }
  return { width, height, channels, data }
}

function scenePixel(x: number, y: number, w: number, h: number): readonly [number, number, number] {
  let r = div(255 * x, Math.max(1, w - 1))
  let g = div(255 * y, Math.max(1, h - 1))
  let b = div(255 * (x + y), Math.max(1, w + h - 2))
  if ((x - div(w, 3)) ** 2 + (y - div(h, 3)) ** 2 < div(Math.min(w, h), 4) ** 2) [r, g, b] = [255 - r, b, 40]
  if (x >= div(w, 2) && y >= div(h, 2) && (x + 2 * y) % 7 < 3) [r, g, b] = [g, 255 - b, 200]
  return Math.abs(x * h - y * w) < Math.max(w, h) ? [20, 20, 20] : [r, g, b]
}

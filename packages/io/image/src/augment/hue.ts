import { toRgb } from '../convert.js'
import type { Image } from '../types.js'

const f32 = Math.fround

/**
 * Turns the hue by `shift` of a full turn (-0.5 to 0.5), by way of HSV bytes, as Pillow and torchvision do.
 * Specification: preprocessing 5.4.
 */
export function adjustHue(image: Image, shift: number): Image {
  const { width, height } = image
  const data = toHsv(image)
  const turn = Math.trunc(255 * shift)
  for (let i = 0; i < data.length; i += 3) data[i] = data[i]! + turn
  return toRgb({ mode: 'HSV', width, height, data })
}

/** Intermediates are f32, sums with a constant double, as in Pillow's C. */
function toHsv({ data }: Image): Uint8Array {
  const out = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!]
    const max = Math.max(r, g, b)
    const range = max - Math.min(r, g, b)
    out[i + 2] = max
    if (range === 0) continue
    const [rc, gc, bc] = [f32((max - r) / range), f32((max - g) / range), f32((max - b) / range)]
    const sector = r === max ? f32(bc - gc) : g === max ? f32(2 + rc - bc) : f32(4 + gc - rc)
    out[i] = Math.trunc(f32((sector / 6 + 1) % 1) * 255)
    out[i + 1] = Math.trunc(f32(range / max) * 255)
  }
  return out
}

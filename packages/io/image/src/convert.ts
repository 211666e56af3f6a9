import { invalid } from './errors.js'
import type { Image, Mode, Raster } from './types.js'

/** Pillow's rounded `a * b / 255`. */
export function mulDiv255(a: number, b: number): number {
  const t = a * b + 128
  return (t + (t >> 8)) >> 8
}

const IMAGE_MODES: readonly (Mode | undefined)[] = [undefined, 'L', 'LA', 'RGB', 'RGBA']

function modeOf(source: Image | Raster): Mode {
  const mode = 'mode' in source ? source.mode : IMAGE_MODES[source.channels]
  if (!mode)
    throw invalid(`An image has 1 (grey), 2 (grey + alpha), 3 (RGB) or 4 (RGBA) channels, not ${(source as Image).channels}.`)
  return mode
}

type Convert = (source: Image | Raster, out: Uint8Array, pixels: number) => void

/** Copies channels `from` of pixels that hold `step` values each, as they are. */
function pick(step: number, from: readonly [number, number, number]): Convert {
  const [r, g, b] = from
  return ({ data }, out, pixels) => {
    for (let i = 0, s = 0, d = 0; i < pixels; i++, s += step, d += 3) {
      out[d] = data[s + r]!
      out[d + 1] = data[s + g]!
      out[d + 2] = data[s + b]!
    }
  }
}

function grey(value: (stored: number) => number): Convert {
  return ({ data }, out, pixels) => {
    for (let i = 0, d = 0; i < pixels; i++, d += 3) out[d] = out[d + 1] = out[d + 2] = value(data[i]!)
  }
}

const clip = (v: number) => (v <= 0 ? 0 : v >= 255 ? 255 : Math.trunc(v))

const cmyk: Convert = ({ data }, out, pixels) => {
  for (let i = 0, s = 0, d = 0; i < pixels; i++, s += 4, d += 3) {
    const k = 255 - data[s + 3]!
    for (let c = 0; c < 3; c++) out[d + c] = Math.max(0, k - mulDiv255(data[s + c]!, k))
  }
}

const palette: Convert = (source, out, pixels) => {
  const colours = new Uint8Array(256 * 3)
  if ('palette' in source && source.palette) colours.set(source.palette.subarray(0, colours.length))
  for (let i = 0, d = 0; i < pixels; i++, d += 3) {
    const p = source.data[i]! * 3
    out[d] = colours[p]!
    out[d + 1] = colours[p + 1]!
    out[d + 2] = colours[p + 2]!
  }
}

/** Specification: preprocessing 5.4. Sums and products with a constant are doubles, those of two variables f32, as in Pillow's C. */
const hsv: Convert = ({ data }, out, pixels) => {
  const round = (v: number) => Math.floor(v + 0.5)
  for (let i = 0, d = 0; i < pixels; i++, d += 3) {
    const v = data[d + 2]!
    const h = (data[d]! * 6) / 255
    const s = Math.fround(data[d + 1]! / 255)
    const sector = Math.floor(h)
    const f = Math.fround(h - sector)
    const p = round(v * (1 - s))
    const q = round(v * (1 - Math.fround(s * f)))
    const t = round(v * (1 - s * (1 - f)))
    const rgb = [
      [v, t, p],
      [q, v, p],
      [p, v, t],
      [p, q, v],
      [t, p, v],
      [v, p, q],
    ][sector % 6]!
    out.set(rgb, d)
  }
}

const TO_RGB: Record<Mode, Convert> = {
  '1': grey((v) => (v ? 255 : 0)),
  L: pick(1, [0, 0, 0]),
  LA: pick(2, [0, 0, 0]),
  P: palette,
  RGB: pick(3, [0, 1, 2]),
  RGBA: pick(4, [0, 1, 2]),
  CMYK: cmyk,
  HSV: hsv,
  I: grey(clip),
  F: grey(clip),
}

/**
 * 8-bit RGB as Pillow's `convert('RGB')` makes it: alpha is dropped, not blended; palette transparency is ignored; `I` and `F` are
 * clipped, not scaled. An RGB image comes back as it is, without a copy. Specification: preprocessing 1.2.
 *
 * @throws ImageError `argument` for an image without 1 to 4 channels.
 */
export function toRgb(source: Image | Raster): Image {
  const mode = modeOf(source)
  const { width, height } = source
  if (mode === 'RGB') return { width, height, channels: 3, data: source.data as Uint8Array }
  const data = new Uint8Array(width * height * 3)
  TO_RGB[mode](source, data, width * height)
  return { width, height, channels: 3, data }
}

/** One grey channel, `(19595 R + 38470 G + 7471 B + 32768) >> 16` of {@link toRgb}, as Pillow's `convert('L')`. */
export function toGrey(source: Image | Raster): Image {
  const { width, height, data: rgb } = toRgb(source)
  const data = new Uint8Array(width * height)
  for (let i = 0, s = 0; i < data.length; i++, s += 3) {
    data[i] = (19595 * rgb[s]! + 38470 * rgb[s + 1]! + 7471 * rgb[s + 2]! + 32768) >> 16
  }
  return { width, height, channels: 1, data }
}

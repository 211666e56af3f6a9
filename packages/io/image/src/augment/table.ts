import type { Image } from '../types.js'

/** What every byte becomes, in every channel. Specification: preprocessing 5.1. */
export function mapBytes({ data, ...shape }: Image, table: (value: number) => number): Image {
  const lut = Uint8Array.from({ length: 256 }, (_, v) => table(v))
  const out = new Uint8Array(data.length)
  for (let i = 0; i < out.length; i++) out[i] = lut[data[i]!]!
  return { ...shape, data: out }
}

/** What every byte becomes, by a table for each channel. */
function mapChannels({ data, ...shape }: Image, tables: readonly Uint8Array[]): Image {
  const { channels } = shape
  const out = new Uint8Array(data.length)
  for (const [c, table] of tables.entries()) for (let i = c; i < data.length; i += channels) out[i] = table[data[i]!]!
  return { ...shape, data: out }
}

export const invert = (image: Image): Image => mapBytes(image, (v) => 255 - v)

/** Inverts the bytes from `threshold` on. */
export const solarize = (image: Image, threshold: number): Image => mapBytes(image, (v) => (v < threshold ? v : 255 - v))

/** Adds to the bytes below `threshold`, up to 255. */
export const solarizeAdd = (image: Image, amount: number, threshold = 128): Image =>
  mapBytes(image, (v) => (v < threshold ? Math.min(255, v + amount) : v))

/** Keeps the upper `bits` of every byte: all of them from 8 on, none at 0 and below. */
export const posterize = (image: Image, bits: number): Image =>
  bits >= 8 ? image : mapBytes(image, (v) => v & ~(2 ** Math.min(8, 8 - bits) - 1))

/** Spreads each channel over the whole range. A channel of one value stays as it is. */
export function autoContrast(image: Image): Image {
  return mapChannels(
    image,
    histograms(image).map((counts) => {
      const lo = counts.findIndex((n) => n > 0)
      const hi = counts.findLastIndex((n) => n > 0)
      if (hi <= lo) return identity()
      const scale = 255 / (hi - lo)
      const offset = -lo * scale
      return new Uint8Array(Uint8ClampedArray.from({ length: 256 }, (_, v) => Math.trunc(v * scale + offset)))
    }),
  )
}

/** Flattens the histogram of each channel. */
export function equalize(image: Image): Image {
  return mapChannels(
    image,
    histograms(image).map((counts) => {
      const last = counts.findLastIndex((n) => n > 0)
      if (last < 0 || last === counts.findIndex((n) => n > 0)) return identity()
      const step = Math.floor((image.width * image.height - counts[last]!) / 255)
      if (step === 0) return identity()
      let n = Math.floor(step / 2)
      return Uint8Array.from(counts, (count) => {
        const value = Math.min(255, Math.floor(n / step))
        n += count
        return value
      })
    }),
  )
}

const identity = (): Uint8Array => Uint8Array.from({ length: 256 }, (_, v) => v)

function histograms({ channels, data }: Image): Uint32Array[] {
  return Array.from({ length: channels }, (_, c) => {
    const counts = new Uint32Array(256)
    for (let i = c; i < data.length; i += channels) counts[data[i]!]!++
    return counts
  })
}

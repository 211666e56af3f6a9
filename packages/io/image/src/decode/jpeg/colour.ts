import type { Raster } from '../../types.js'
import type { Frame } from './frame.js'
import type { RowReader } from './upsample.js'

/** Products of the conversion from YCbCr in 16-bit fixed point, rounded as libjpeg does: R and B each by itself, G once for both. */
const CR_TO_R = products((c) => (91881 * c + 32768) >> 16)
const CB_TO_B = products((c) => (116130 * c + 32768) >> 16)
const CR_TO_G = products((c) => -46802 * c)
const CB_TO_G = products((c) => -22554 * c + 32768)

function products(of: (centred: number) => number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, i) => of(i - 128))
}

/** How the components of a file are to be read: as they are, or the first three from YCbCr. */
export type ColourModel = 'grey' | 'rgb' | 'ycc' | 'cmyk' | 'ycck'

/** Joins the components' rows into an image of mode `L`, `RGB` or `CMYK`, where pixels are needed. */
export function joinRows({ width, height, needed }: Frame, model: ColourModel, readers: readonly RowReader[]): Raster {
  const channels = readers.length
  const data = new Uint8Array(width * height * channels)
  const out = new Uint8ClampedArray(data.buffer)
  const { left, right } = needed
  for (let y = needed.top; y < needed.bottom; y++) {
    const rows = readers.map((read) => read(y))
    const at = y * width * channels
    if (model === 'ycc' || model === 'ycck') convertRow(rows, left, right, channels, out, at)
    else for (let c = 0; c < channels; c++) copyChannel(rows[c]!, left, right, channels, false, out, at + c)
    // Files store ink inverted. In YCCK that inversion and the one from RGB to CMY cancel out for the first three.
    if (model === 'ycck') copyChannel(rows[3]!, left, right, channels, true, out, at + 3)
  }
  if (model === 'cmyk') for (let i = 0; i < data.length; i++) data[i] = 255 - data[i]!
  return { mode: channels === 1 ? 'L' : channels === 3 ? 'RGB' : 'CMYK', width, height, data }
}

function convertRow(
  rows: readonly Uint8ClampedArray[],
  left: number,
  right: number,
  step: number,
  out: Uint8ClampedArray,
  at: number,
): void {
  const [ys, cbs, crs] = rows
  for (let x = left, d = at + left * step; x < right; x++, d += step) {
    const y = ys![x]!
    const cb = cbs![x]!
    const cr = crs![x]!
    out[d] = y + CR_TO_R[cr]!
    out[d + 1] = y + ((CB_TO_G[cb]! + CR_TO_G[cr]!) >> 16)
    out[d + 2] = y + CB_TO_B[cb]!
  }
}

function copyChannel(
  row: Uint8ClampedArray,
  left: number,
  right: number,
  step: number,
  invert: boolean,
  out: Uint8ClampedArray,
  at: number,
): void {
  const mask = invert ? 255 : 0
  for (let x = left, d = at + left * step; x < right; x++, d += step) out[d] = row[x]! ^ mask
}

import { zlibSync } from 'fflate'
import { crc32 } from './decode/crc32.js'
import { paeth } from './decode/png-rows.js'
import { invalid } from './errors.js'
import type { Image } from './types.js'

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]
const COLOUR_TYPES = [undefined, 0, 4, 2, 6]

/**
 * Encodes an image of 1 to 4 channels as an 8-bit PNG without loss.
 *
 * @throws ImageError `argument` when the channels or the length of the data do not fit.
 */
export function encodePng(image: Image): Uint8Array {
  const { width, height, channels, data } = image
  const colourType = COLOUR_TYPES[channels]
  if (colourType === undefined || width < 1 || height < 1 || data.length !== width * height * channels) {
    throw invalid(
      `A PNG of ${width} x ${height} x ${channels} cannot be made of ${data.length} bytes. Give 1 to 4 channels and a byte for each.`,
    )
  }
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, colourType], 8)
  const chunks = [chunk('IHDR', header), chunk('IDAT', zlibSync(filterRows(image))), chunk('IEND', new Uint8Array(0))]
  const out = new Uint8Array(8 + chunks.reduce((sum, c) => sum + c.length, 0))
  out.set(SIGNATURE)
  let at = 8
  for (const c of chunks) {
    out.set(c, at)
    at += c.length
  }
  return out
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + body.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, body.length)
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i)
  out.set(body, 8)
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)))
  return out
}

/** Gives each row the filter with the smallest sum of absolute differences, the rule of thumb of the PNG specification (12.8). */
function filterRows({ width, height, channels, data }: Image): Uint8Array {
  const rowBytes = width * channels
  const out = new Uint8Array(height * (rowBytes + 1))
  const candidates = Array.from({ length: 5 }, () => new Uint8Array(rowBytes))
  for (let y = 0; y < height; y++) {
    const sums = [0, 0, 0, 0, 0]
    for (let i = 0; i < rowBytes; i++) {
      const at = y * rowBytes + i
      const value = data[at]!
      const left = i < channels ? 0 : data[at - channels]!
      const above = y === 0 ? 0 : data[at - rowBytes]!
      const corner = y === 0 || i < channels ? 0 : data[at - rowBytes - channels]!
      const predictions = [0, left, above, (left + above) >> 1, paeth(left, above, corner)]
      for (let f = 0; f < 5; f++) {
        const difference = (value - predictions[f]!) & 255
        candidates[f]![i] = difference
        sums[f]! += difference < 128 ? difference : 256 - difference
      }
    }
    const best = sums.indexOf(Math.min(...sums))
    out[y * (rowBytes + 1)] = best
    out.set(candidates[best]!, y * (rowBytes + 1) + 1)
  }
  return out
}

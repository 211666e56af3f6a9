import type { Image } from '../types.js'
import type { Box } from './resize.js'

/** Source index of outputs `from` to `to`: the scale is added up, one output after the other, as Pillow does. -1 where rounding leaves the image. */
function sources(inSize: number, outSize: number, b0: number, b1: number, from: number, to: number): Int32Array {
  const scale = Math.fround(b1 - b0) / outSize
  const out = new Int32Array(to - from)
  let x = b0 + scale * 0.5
  for (let i = 0; i < to; i++, x += scale) {
    if (i >= from) out[i - from] = x < inSize ? Math.trunc(x) : -1
  }
  return out
}

export function nearest(image: Image, width: number, height: number, box: Box, window: Box): Image {
  const { channels, data } = image
  const xs = sources(image.width, width, box[0], box[2], window[0], window[2])
  const ys = sources(image.height, height, box[1], box[3], window[1], window[3])
  const out = new Uint8Array(xs.length * ys.length * channels)
  let d = 0
  for (const y of ys) {
    for (const x of xs) {
      const s = (y * image.width + x) * channels
      if (x >= 0 && y >= 0) for (let c = 0; c < channels; c++) out[d + c] = data[s + c]!
      d += channels
    }
  }
  return { width: xs.length, height: ys.length, channels, data: out }
}

import { corrupt, invalid, truncated, unsupported } from '../../errors.js'
import type { Size } from '../../geometry.js'
import type { DecodeOptions } from '../options.js'
import { checkSize } from '../options.js'

export interface Component {
  readonly id: number
  /** Sampling factors. */
  readonly h: number
  readonly v: number
  readonly quantId: number
  /** Samples that count; the rest pads to whole blocks. */
  readonly width: number
  readonly height: number
  /** Blocks that hold those samples: what a scan of this component alone contains. */
  readonly blocksWide: number
  readonly blocksHigh: number
  /** Samples in a row of `plane`: whole MCUs. */
  readonly stride: number
  readonly rows: number
  /** Samples that are needed, ends exclusive. */
  readonly needed: SampleRange
}

export interface SampleRange {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export interface Frame {
  readonly progressive: boolean
  readonly width: number
  readonly height: number
  readonly components: readonly Component[]
  readonly maxH: number
  readonly maxV: number
  readonly mcusWide: number
  readonly mcusHigh: number
  /** Pixels that are needed. */
  readonly needed: SampleRange
}

const UNSUPPORTED_FRAMES: Record<number, string> = { 3: 'lossless coding', 9: 'arithmetic coding', 10: 'arithmetic coding' }

/** Reads a frame header (T.81, B.2.2) of type `SOFn`, `remaining` bytes before the end of the file. */
export function readFrame(type: number, body: Uint8Array, remaining: number, options: DecodeOptions): Frame {
  if (type > 2) throw unsupported('JPEG', UNSUPPORTED_FRAMES[type] ?? `the frame type SOF${type}`)
  const count = body[5] ?? 0
  if (body.length < 6 + 3 * count) throw corrupt('JPEG', 'its frame header is too short')
  if (body[0] !== 8) throw unsupported('JPEG', `${body[0]}-bit samples`)
  if (count !== 1 && count !== 3 && count !== 4) throw unsupported('JPEG', `${count} components`)
  const height = (body[1]! << 8) | body[2]!
  const width = (body[3]! << 8) | body[4]!
  checkSize('JPEG', width, height, options)

  const sampling = Array.from({ length: count }, (_, i) => {
    const [id, factors, quantId] = body.subarray(6 + 3 * i, 9 + 3 * i) as unknown as [number, number, number]
    const h = factors >> 4
    const v = factors & 15
    if (h < 1 || h > 4 || v < 1 || v > 4 || quantId > 3) throw corrupt('JPEG', `component ${i} has the sampling ${h} x ${v}`)
    return { id, h, v, quantId }
  })
  if (new Set(sampling.map((s) => s.id)).size < count) throw corrupt('JPEG', 'two components have the same number')
  const maxH = Math.max(...sampling.map((s) => s.h))
  const maxV = Math.max(...sampling.map((s) => s.v))
  if (sampling.some((s) => maxH % s.h || maxV % s.v)) throw unsupported('JPEG', 'fractional chroma sampling')
  const mcusWide = Math.ceil(width / (8 * maxH))
  const mcusHigh = Math.ceil(height / (8 * maxV))
  const needed = neededPixels({ width, height }, options)
  const components = sampling.map((s) => {
    const samplesWide = Math.ceil((width * s.h) / maxH)
    const samplesHigh = Math.ceil((height * s.v) / maxV)
    return {
      ...s,
      width: samplesWide,
      height: samplesHigh,
      blocksWide: Math.ceil(samplesWide / 8),
      blocksHigh: Math.ceil(samplesHigh / 8),
      stride: mcusWide * s.h * 8,
      rows: mcusHigh * s.v * 8,
      needed: neededSamples(needed, s.h / maxH, s.v / maxV, samplesWide, samplesHigh),
    }
  })
  // Each block costs one bit at the very least, so a small file cannot make us allocate for a large one.
  const blocks = components.reduce((sum, c) => sum + c.blocksWide * c.blocksHigh, 0)
  if (blocks > remaining * 8) throw truncated('JPEG', `${remaining} bytes cannot hold ${width} x ${height} pixels`)
  return { progressive: type === 2, width, height, components, maxH, maxV, mcusWide, mcusHigh, needed }
}

function neededPixels(size: Size, { window }: DecodeOptions): SampleRange {
  const { left, top, width, height } = window?.(size) ?? { left: 0, top: 0, ...size }
  const [right, bottom] = [left + width, top + height]
  const whole = [left, top, right, bottom].every(Number.isInteger)
  if (!whole || left < 0 || top < 0 || left >= right || top >= bottom || right > size.width || bottom > size.height)
    throw invalid(
      `The window of ${width} x ${height} at (${left}, ${top}) is empty, not whole or not inside the image of ${size.width} x ${size.height}.`,
    )
  return { left, top, right, bottom }
}

/** Samples that pixels are made from: at their own place and, where chroma is widened, one to each side. */
function neededSamples(pixels: SampleRange, x: number, y: number, width: number, height: number): SampleRange {
  return {
    left: Math.max(0, Math.floor(pixels.left * x) - 1),
    top: Math.max(0, Math.floor(pixels.top * y) - 1),
    right: Math.min(width, Math.floor((pixels.right - 1) * x) + 2),
    bottom: Math.min(height, Math.floor((pixels.bottom - 1) * y) + 2),
  }
}

/** Whether a block holds samples that are needed. */
export const blockNeeded = ({ left, top, right, bottom }: SampleRange, x: number, y: number): boolean =>
  x * 8 < right && x * 8 + 8 > left && y * 8 < bottom && y * 8 + 8 > top

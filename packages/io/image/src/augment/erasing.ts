import { roundHalfEven } from '../geometry.js'
import type { Draws } from './draws.js'

export interface ErasingConfig {
  /** Default 0.25. */
  readonly probability?: number
  /** What fills a patch: noise for each value (default), noise for each channel, or zero. */
  readonly mode?: 'pixel' | 'rand' | 'const'
  /** Patches at most; their number is drawn. Default 1. */
  readonly maxCount?: number
  /** Part of the area. Default 0.02 to 1/3. */
  readonly minArea?: number
  readonly maxArea?: number
  /** Smallest width to height, and largest the other way round. Default 0.3. */
  readonly minAspect?: number
}

/** How the normalized values of one image lie in memory. */
export interface ErasingShape {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly layout: 'nhwc' | 'nchw'
}

const ATTEMPTS = 10

/**
 * Random erasing (Zhong et al., 2017) as timm does it, in place, on normalized values. Specification: training 9.
 */
export function randomErasing(values: Float32Array, shape: ErasingShape, draws: Draws, config: ErasingConfig = {}): void {
  const { probability = 0.25, maxCount = 1, minArea = 0.02, maxArea = 1 / 3, minAspect = 0.3 } = config
  const { height, width } = shape
  if (draws.random() > probability) return
  const count = maxCount > 1 ? draws.integer(1, maxCount) : 1
  const logAspect = [Math.log(minAspect), Math.log(1 / minAspect)] as const
  for (let patch = 0; patch < count; patch++) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const area = (draws.uniform(minArea, maxArea) * height * width) / count
      const aspect = Math.exp(draws.uniform(...logAspect))
      const h = roundHalfEven(Math.sqrt(area * aspect))
      const w = roundHalfEven(Math.sqrt(area / aspect))
      if (w >= width || h >= height) continue
      const top = draws.integer(0, height - h)
      const left = draws.integer(0, width - w)
      fillPatch(values, shape, { top, left, h, w }, draws, config.mode ?? 'pixel')
      break
    }
  }
}

/** Noise is drawn channel by channel, whatever the layout. */
function fillPatch(
  values: Float32Array,
  { height, width, channels, layout }: ErasingShape,
  { top, left, h, w }: { top: number; left: number; h: number; w: number },
  draws: Draws,
  mode: 'pixel' | 'rand' | 'const',
): void {
  const each = h * w
  const noise = new Float32Array(mode === 'pixel' ? channels * each : channels)
  if (mode !== 'const') draws.noise(noise)
  const [pixelStep, channelStep] = layout === 'nhwc' ? [channels, 1] : [1, height * width]
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < h; y++) {
      let at = ((top + y) * width + left) * pixelStep + c * channelStep
      for (let x = 0; x < w; x++, at += pixelStep) values[at] = noise[mode === 'pixel' ? c * each + y * w + x : c]!
    }
  }
}

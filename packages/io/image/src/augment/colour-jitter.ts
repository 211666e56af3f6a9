import type { Image } from '../types.js'
import { adjustBrightness, adjustColor, adjustContrast } from './blend.js'
import type { Draws } from './draws.js'
import { adjustHue } from './hue.js'

/** Strength j of each: the factor is uniform in [max(0, 1 - j), 1 + j]; the hue turns by up to `hue` of a full turn. */
export interface JitterConfig {
  readonly brightness?: number
  readonly contrast?: number
  readonly saturation?: number
  /** At most 0.5. */
  readonly hue?: number
}

/** Changes brightness, contrast, saturation and hue by random factors in random order. Specification: preprocessing 5.4. */
export function colourJitter(image: Image, config: JitterConfig, draws: Draws): Image {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = config
  const factor = (strength: number) => draws.uniform(Math.max(0, 1 - strength), 1 + strength)
  const steps: ((current: Image) => Image)[] = []
  if (brightness > 0) steps.push((current) => adjustBrightness(current, factor(brightness)))
  if (contrast > 0) steps.push((current) => adjustContrast(current, factor(contrast)))
  if (saturation > 0) steps.push((current) => adjustColor(current, factor(saturation)))
  if (hue > 0) steps.push((current) => adjustHue(current, draws.uniform(-hue, hue)))
  let result = image
  while (steps.length > 0) result = steps.splice(draws.choice(steps.length), 1)[0]!(result)
  return result
}

import { ArgumentError } from '@scanline/tensor'

/** Channels of a stage's output, and how many times smaller than the image it is. */
export interface FeatureInfo {
  readonly channels: number
  readonly reduction: number
}

/** Stage numbers from 0: `indices` as they are, negative ones from the end, or the last so many; all when not given. */
export function stageIndices(indices: number | readonly number[] | undefined, stages: number): number[] {
  if (indices === undefined) return Array.from({ length: stages }, (_, i) => i)
  if (typeof indices === 'number') {
    if (!Number.isInteger(indices) || indices < 1 || indices > stages)
      throw new ArgumentError(`the last ${indices} of ${stages} stages were asked for; give 1 to ${stages}, or a list of stages`)
    return Array.from({ length: indices }, (_, i) => stages - indices + i)
  }
  return indices.map((index) => {
    const resolved = index < 0 ? index + stages : index
    if (!Number.isInteger(resolved) || resolved < 0 || resolved >= stages)
      throw new ArgumentError(`stage ${index} is not there; the model has ${stages}: use ${-stages} … ${stages - 1}`)
    return resolved
  })
}

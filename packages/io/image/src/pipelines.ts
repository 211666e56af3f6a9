import { invalid } from './errors.js'
import type { Size } from './geometry.js'
import { keepRatio, shorterSide } from './geometry.js'
import type { FilterName } from './resize/filters.js'

export type CropMode = 'center' | 'squash' | 'border'

/** A transform's settings with every default filled in. */
export interface PipelineSettings {
  /** Height and width of the tensor. */
  readonly input: Size
  readonly cropPct: number
  readonly cropMode: CropMode
  readonly interpolation: FilterName
}

/** How an image is resized before the centre crop. */
export interface ResizePlan extends Size {
  readonly filter: FilterName
}

/** A pipeline decides the settings once and a size for each image. */
export type Pipeline = (settings: PipelineSettings) => (image: Size) => ResizePlan

const toShorterSide =
  (size: number, filter: FilterName) =>
  (image: Size): ResizePlan => ({ ...shorterSide(image, size), filter })

function squareSide(name: string, { input }: PipelineSettings): number {
  if (input.width !== input.height)
    throw invalid(`The ${name} pipeline takes square inputs only, not ${input.height} x ${input.width}.`)
  return input.height
}

/** timm 0.6.11, MambaOut. */
const timm06: Pipeline = ({ input, cropPct, interpolation }) => {
  if (input.width === input.height) return toShorterSide(Math.floor(input.height / cropPct), interpolation)
  const plan = { width: Math.trunc(input.width / cropPct), height: Math.trunc(input.height / cropPct), filter: interpolation }
  return () => plan
}

/** timm 1.0, MambaVision. */
const timm10: Pipeline = ({ input, cropPct, cropMode, interpolation }) => {
  const target = { width: Math.floor(input.width / cropPct), height: Math.floor(input.height / cropPct) }
  if (cropMode === 'squash') return () => ({ ...target, filter: interpolation })
  if (cropMode === 'border') return (image) => ({ ...keepRatio(image, target, 1), filter: interpolation })
  if (target.width === target.height) return toShorterSide(target.height, interpolation)
  // timm forgets to hand the configured filter on in this branch.
  return (image) => ({ ...keepRatio(image, target, 0), filter: 'bilinear' })
}

/** Vision Mamba, after DeiT. */
const vim: Pipeline = (settings) => toShorterSide(Math.trunc(squareSide('vim', settings) / settings.cropPct), 'bicubic')

const efficientvim: Pipeline = (settings) =>
  toShorterSide(Math.trunc((256 / 224) * squareSide('efficientvim', settings)), 'bicubic')

/** The reference evaluation pipelines, by origin. Specification: preprocessing 4. */
export const PIPELINES = { 'timm-0.6': timm06, 'timm-1.0': timm10, vim, efficientvim } as const satisfies Record<string, Pipeline>

export type PipelineName = keyof typeof PIPELINES

/** Everything known about a published model before anything is downloaded. */
export interface ModelInfo {
  /** `architecture.tag`, or the architecture alone where there are no weights. */
  readonly name: string
  readonly architecture: string
  /** Which training the weights come from. */
  readonly tag: string
  readonly family: string
  /** Of the published weights. */
  readonly numClasses: number
  /** Channels, height, width that it was trained with. */
  readonly inputSize: ImageSize
  /** The size that its best figures were measured with. */
  readonly testInputSize: ImageSize
  /** Part of the resized image that the crop keeps, at the two sizes. */
  readonly cropPct: number
  readonly testCropPct: number
  /** `squash` resizes both edges without keeping the ratio. */
  readonly cropMode: 'center' | 'squash'
  readonly interpolation: 'bicubic' | 'bilinear'
  /** Whose order of resizing and cropping its figures were measured with: a name that `@scanline/image` knows. */
  readonly pipeline: 'timm-0.6' | 'timm-1.0'
  readonly mean: Rgb
  readonly std: Rgb
  /** SPDX identifier, of code and weights. */
  readonly licence: string
  /** Where the weights are: a hub id (the file is `model.safetensors`) or an address. */
  readonly weights: string | undefined
  readonly paper: string
  readonly published: PublishedFigures
}

type ImageSize = readonly [channels: number, height: number, width: number]
type Rgb = readonly [number, number, number]

/** What its authors, or timm, measured; by height of the image in pixels where it depends on it. */
export interface PublishedFigures {
  readonly params: number
  /** Thousand million multiply-adds for an image. */
  readonly gmacs: Readonly<Record<number, number>>
  /** Percent of ImageNet-1k's validation images. */
  readonly top1: Readonly<Record<number, number>>
  readonly top5: Readonly<Record<number, number>>
}

/** What `evalTransform` of `@scanline/image` takes. */
export interface EvalConfig {
  readonly pipeline: ModelInfo['pipeline']
  readonly inputSize: ImageSize
  readonly cropPct: number
  readonly cropMode: ModelInfo['cropMode']
  readonly interpolation: ModelInfo['interpolation']
  readonly mean: Rgb
  readonly std: Rgb
}

/**
 * How images are prepared for a model: at the size of its best figures unless told otherwise.
 *
 * @example
 * const transform = evalTransform(evalConfig(modelInfo('mambaout_femto.in1k'), 224))
 */
export function evalConfig(info: ModelInfo, size: number = info.testInputSize[1]): EvalConfig {
  const { pipeline, cropMode, interpolation, mean, std } = info
  const cropPct = size === info.testInputSize[1] ? info.testCropPct : info.cropPct
  return { pipeline, inputSize: [info.inputSize[0], size, size], cropPct, cropMode, interpolation, mean, std }
}

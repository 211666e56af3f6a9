export { toGrey, toRgb } from './convert.js'
export { crop } from './crop.js'
export { decodeImage, decodeRaster } from './decode/decode.js'
export type { DecodeOptions } from './decode/options.js'
export { DEFAULT_MAX_PIXELS } from './decode/options.js'
export type { Format } from './decode/sniff.js'
export { sniff } from './decode/sniff.js'
export { encodePng } from './encode-png.js'
export type { ImageErrorCode } from './errors.js'
export { ImageError } from './errors.js'
export type { Size } from './geometry.js'
export { centreOffset, keepRatio, shorterSide } from './geometry.js'
export type { Arithmetic, Rgb } from './normalize.js'
export {
  CLIP_MEAN,
  CLIP_STD,
  IMAGENET_MEAN,
  IMAGENET_STD,
  INCEPTION_MEAN,
  INCEPTION_STD,
  normalizeTable,
} from './normalize.js'
export type { Orientation } from './orientation.js'
export { orient, readOrientation } from './orientation.js'
export type { CropMode, PipelineName } from './pipelines.js'
export { PIPELINES } from './pipelines.js'
export type { Coefficients } from './resize/coefficients.js'
export { coefficients } from './resize/coefficients.js'
export type { FilterName } from './resize/filters.js'
export { FILTERS } from './resize/filters.js'
export type { Box, ResizeOptions } from './resize/resize.js'
export { resize } from './resize/resize.js'
export type { EvalConfig, EvalTransform } from './transform.js'
export { evalTransform } from './transform.js'
export type { Image, Mode, Raster } from './types.js'

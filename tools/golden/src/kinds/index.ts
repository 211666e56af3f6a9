import type { Kind } from '../kind.js'
import { augmentOps } from './augment-ops.js'
import { checkpoints } from './checkpoints.js'
import { efficientvimBlocks } from './efficientvim-blocks.js'
import { efficientvimDense } from './efficientvim-dense.js'
import { efficientvimGradients } from './efficientvim-gradients.js'
import { efficientvimModel } from './efficientvim-model.js'
import { evalTransforms } from './eval-transforms.js'
import { folders } from './folders.js'
import { geometry } from './geometry.js'
import { imageFiles } from './image-files.js'
import { images } from './images.js'
import { mambaoutBlocks } from './mambaout-blocks.js'
import { mambaoutGradients } from './mambaout-gradients.js'
import { mambaoutKeys } from './mambaout-keys.js'
import { mambaoutModel } from './mambaout-model.js'
import { mambavisionBlocks } from './mambavision-blocks.js'
import { mambavisionDense } from './mambavision-dense.js'
import { mambavisionGradients } from './mambavision-gradients.js'
import { mambavisionModel } from './mambavision-model.js'
import { metrics } from './metrics.js'
import { modes } from './modes.js'
import { normalization } from './normalization.js'
import { ops } from './ops.js'
import { prng } from './prng.js'
import { randomCrop } from './random-crop.js'
import { randomErasing } from './random-erasing.js'
import { resize } from './resize.js'
import { resizeCoefficients } from './resize-coefficients.js'
import { samplers } from './samplers.js'
import { trainTransforms } from './train-transforms.js'
import { trainingKinds } from './training.js'
import { vimBlocks } from './vim-blocks.js'
import { vimDense } from './vim-dense.js'
import { vimGradients } from './vim-gradients.js'
import { vimModel } from './vim-model.js'
import { vimPosEmbed } from './vim-pos-embed.js'
import { vimVariants } from './vim-variants.js'

/** Every kind of reference file that is run; the first that matches takes a file. */
export const kinds: readonly Kind[] = [
  prng,
  images,
  resize,
  resizeCoefficients,
  geometry,
  normalization,
  evalTransforms,
  modes,
  imageFiles,
  augmentOps,
  randomCrop,
  trainTransforms,
  folders,
  randomErasing,
  samplers,
  metrics,
  ...trainingKinds,
  checkpoints,
  ops,
  mambaoutModel,
  mambaoutGradients,
  mambaoutBlocks,
  mambaoutKeys,
  mambavisionModel,
  mambavisionGradients,
  mambavisionDense,
  mambavisionBlocks,
  efficientvimModel,
  efficientvimGradients,
  efficientvimBlocks,
  efficientvimDense,
  vimModel,
  vimVariants,
  vimGradients,
  vimBlocks,
  vimPosEmbed,
  vimDense,
]

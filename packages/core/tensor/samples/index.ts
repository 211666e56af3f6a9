import { addNormSamples } from './add-norm.js'
import { attentionSamples } from './attention.js'
import { bidirectionalScanSamples } from './bidirectional-scan.js'
import { castSamples } from './cast.js'
import { concatSamples } from './concat.js'
import { convTranspose2dSamples } from './conv-transpose2d.js'
import { conv2dSamples } from './conv2d.js'
import { copySamples } from './copy.js'
import { depthwiseConv2dSamples } from './depthwise-conv2d.js'
import { flipSamples } from './flip.js'
import { gatherSamples } from './gather.js'
import { interpolateSamples } from './interpolate.js'
import { layerNormSamples } from './layer-norm.js'
import { matmulSamples } from './matmul.js'
import { networkSamples } from './network.js'
import { padSamples } from './pad.js'
import { pointwiseSamples } from './pointwise.js'
import { poolSamples } from './pool.js'
import { randomSamples } from './random.js'
import { reduceSamples } from './reduce.js'
import { rmsNormSamples } from './rms-norm.js'
import type { Sample } from './sample.js'
import { selectiveScanGradSamples, selectiveScanSamples } from './selective-scan.js'
import { softmaxSamples } from './softmax.js'
import { unfoldSamples } from './unfold.js'
import { viewSamples } from './view.js'

export {
  baseShape,
  baseValues,
  type Fill,
  hash,
  runOnBases,
  type Sample,
  type SampleInput,
  type Tolerance,
  type View,
  viewed,
} from './sample.js'

/** Samples of every op of `@scanline/tensor`, and of small networks of them. */
export const samples: readonly Sample[] = [
  ...addNormSamples,
  ...attentionSamples,
  ...bidirectionalScanSamples,
  ...castSamples,
  ...concatSamples,
  ...conv2dSamples,
  ...convTranspose2dSamples,
  ...copySamples,
  ...depthwiseConv2dSamples,
  ...flipSamples,
  ...gatherSamples,
  ...interpolateSamples,
  ...layerNormSamples,
  ...matmulSamples,
  ...padSamples,
  ...pointwiseSamples,
  ...poolSamples,
  ...randomSamples,
  ...reduceSamples,
  ...rmsNormSamples,
  ...selectiveScanSamples,
  ...selectiveScanGradSamples,
  ...softmaxSamples,
  ...unfoldSamples,
  ...viewSamples,
  ...networkSamples,
]

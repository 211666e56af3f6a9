import type { Kernel } from '../kernel.js'
import { addNorm } from './add-norm.js'
import { attention } from './attention.js'
import { avgPool2d } from './avg-pool2d.js'
import { avgPool2dGrad } from './avg-pool2d-grad.js'
import { bidirectionalScan } from './bidirectional-scan.js'
import { cast } from './cast.js'
import { concat } from './concat.js'
import { conv2d } from './conv2d.js'
import { copy } from './copy.js'
import { depthwiseConv2d } from './depthwise-conv2d.js'
import { depthwiseConv2dInputGrad } from './depthwise-input-grad.js'
import { depthwiseConv2dWeightGrad } from './depthwise-weight-grad.js'
import { flip } from './flip.js'
import { fold } from './fold.js'
import { gather } from './gather.js'
import { layerNorm } from './layer-norm.js'
import { logSoftmax } from './log-softmax.js'
import { matmul } from './matmul.js'
import { maxPool2d } from './max-pool2d.js'
import { maxPool2dGrad } from './max-pool2d-grad.js'
import { packMatrix } from './pack-matrix.js'
import { pad } from './pad.js'
import { pointwise } from './pointwise.js'
import { reduce } from './reduce.js'
import { rmsNorm } from './rms-norm.js'
import { scatterAdd } from './scatter-add.js'
import { selectiveScan } from './selective-scan.js'
import { selectiveScanGrad } from './selective-scan-grad.js'
import { softmax } from './softmax.js'
import { softmaxColumns } from './softmax-columns.js'
import { unfold } from './unfold.js'
import { uniform } from './uniform.js'

/** Every kernel. For an op, the first that does not refuse a call runs it, so the special come before the general. */
export const kernels: readonly Kernel[] = [
  copy,
  packMatrix,
  matmul,
  conv2d,
  depthwiseConv2d,
  addNorm,
  layerNorm,
  attention,
  bidirectionalScan,
  rmsNorm,
  selectiveScan,
  softmax,
  softmaxColumns,
  logSoftmax,
  reduce,
  concat,
  flip,
  gather,
  scatterAdd,
  pad,
  cast,
  uniform,
  pointwise,
  maxPool2d,
  maxPool2dGrad,
  avgPool2d,
  avgPool2dGrad,
  unfold,
  fold,
  depthwiseConv2dInputGrad,
  depthwiseConv2dWeightGrad,
  selectiveScanGrad,
]

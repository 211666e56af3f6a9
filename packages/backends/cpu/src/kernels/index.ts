import type { KernelSpec } from '../kernel.js'
import { attention } from './attention.js'
import { bidirectionalScan } from './bidirectional-scan.js'
import { cast } from './cast.js'
import { concat } from './concat.js'
import { conv2d } from './conv2d.js'
import { copy } from './copy.js'
import { depthwiseConv2d } from './depthwise-conv2d.js'
import { depthwiseConv2dInputGrad } from './depthwise-input-grad.js'
import { depthwiseConv2dWeightGrad } from './depthwise-weight-grad.js'
import { flip } from './flip.js'
import { gather } from './gather.js'
import { matmul } from './matmul.js'
import { addNorm, layerNorm, rmsNorm } from './norm.js'
import { packMatrix } from './pack-matrix.js'
import { pad } from './pad.js'
import { pointwise } from './pointwise.js'
import { reduce } from './reduce.js'
import { scatterAdd } from './scatter-add.js'
import { selectiveScan } from './selective-scan.js'
import { selectiveScanGrad } from './selective-scan-grad.js'
import { logSoftmax, softmax } from './softmax.js'
import { softmaxColumns } from './softmax-columns.js'
import { uniform } from './uniform.js'
import { avgPool2d, avgPool2dGrad, fold, maxPool2d, maxPool2dGrad, unfold } from './windows.js'

/** Every kernel. For an op, the first that does not refuse a call runs it, so the special come before the general. */
export const kernels: readonly KernelSpec[] = [
  addNorm,
  attention,
  avgPool2d,
  avgPool2dGrad,
  bidirectionalScan,
  cast,
  concat,
  conv2d,
  copy,
  depthwiseConv2d,
  depthwiseConv2dInputGrad,
  depthwiseConv2dWeightGrad,
  flip,
  fold,
  gather,
  layerNorm,
  logSoftmax,
  matmul,
  maxPool2d,
  maxPool2dGrad,
  packMatrix,
  pad,
  pointwise,
  reduce,
  rmsNorm,
  scatterAdd,
  selectiveScan,
  softmax,
  softmaxColumns,
  unfold,
  uniform,
  selectiveScanGrad,
]

import type { Lower } from '../context.js'
import { gather } from './gather.js'
import { conv, matmul } from './linear.js'
import { pointwise } from './pointwise.js'
import { avgPool2d, maxPool2d } from './pool.js'
import { layerNorm, logSoftmax, reduce, softmax } from './rows.js'
import { selectiveScan } from './selective-scan.js'
import { depthwiseConv2dInputGrad, fold } from './transposed-conv.js'
import { broadcastTo, concat, convert, copy, flip, pad, permute, reshape, slice } from './views.js'

/** How each op is written. One that is not here is written as its decomposition. */
export const lowerings: Readonly<Record<string, Lower>> = {
  avgPool2d,
  broadcast: broadcastTo,
  cast: convert,
  concat,
  conv2d: conv,
  copy,
  depthwiseConv2d: conv,
  depthwiseConv2dInputGrad,
  flip,
  fold,
  gather,
  layerNorm,
  logSoftmax,
  matmul,
  maxPool2d,
  pad,
  permute,
  pointwise,
  reduce,
  reshape,
  selectiveScan,
  slice,
  softmax,
}

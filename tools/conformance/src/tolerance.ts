import type { DType } from '@scanline/tensor'
import type { Sample, Tolerance } from '@scanline/tensor/samples'

const exact: Tolerance = { l2: 0, element: 0, floor: 1, reason: 'moves elements or makes whole numbers: nothing rounds' }

/**
 * Sums of products in f32, in any order: an element's error grows with the root of the number of terms, from 6e-8 for
 * one to about 1e-6 for four hundred, relative to the size of the terms rather than of a sum that may cancel.
 */
const products: Tolerance = { l2: 2e-6, element: 5e-6, floor: 'rms', reason: 'f32 sums of up to 400 products, in any order' }

const sums: Tolerance = { l2: 1e-6, element: 4e-6, floor: 'rms', reason: 'f32 sums in any order' }

/** How far each op may be from the reference. Samples with a tolerance of their own do not look here. */
export const tolerances: Readonly<Record<string, Tolerance>> = {
  copy: exact,
  reshape: exact,
  permute: exact,
  broadcast: exact,
  slice: exact,
  concat: exact,
  pad: exact,
  flip: exact,
  gather: exact,
  unfold: exact,
  cast: { ...exact, reason: 'every conversion is defined to the bit: to nearest even, or towards zero' },
  uniform: { ...exact, reason: 'integer arithmetic, then a multiple of 2^-24' },
  maxPool2d: { ...exact, reason: 'chooses an element' },
  maxPool2dGrad: sums,
  avgPool2d: sums,
  avgPool2dGrad: sums,
  fold: sums,
  scatterAdd: sums,
  reduce: sums,
  matmul: products,
  conv2d: products,
  depthwiseConv2d: products,
  depthwiseConv2dInputGrad: products,
  depthwiseConv2dWeightGrad: products,
  pointwise: {
    l2: 1e-6,
    element: 4e-6,
    floor: 'rms',
    reason: 'a few f32 roundings, and functions to some units in the last place',
  },
  layerNorm: { l2: 2e-6, element: 1e-5, floor: 'rms', reason: 'two f32 sums over a row and a root' },
  rmsNorm: { l2: 2e-6, element: 1e-5, floor: 'rms', reason: 'an f32 sum over a row and a root' },
  softmax: { l2: 2e-6, element: 1e-5, floor: 'rms', reason: 'an exponential, a sum over a row and a division' },
  logSoftmax: { l2: 2e-6, element: 1e-5, floor: 'rms', reason: 'an exponential, a sum over a row and a logarithm' },
  selectiveScan: { l2: 4e-6, element: 2e-5, floor: 'rms', reason: 'a recurrence of exponentials of sums, and a sum over states' },
  selectiveScanGrad: {
    l2: 1e-5,
    element: 5e-5,
    floor: 'rms',
    reason: 'the recurrence there and back, and sums over steps or channels',
  },
  network: { l2: 1e-5, element: 1e-4, floor: 'rms', reason: 'errors of a dozen ops, passed through normalisation' },
}

const unknown: Tolerance = { l2: 1e-5, element: 1e-4, floor: 'rms', reason: 'an op that the table does not know' }

/** Unit roundoff of each narrow float. */
const narrow: Partial<Record<DType, number>> = { f16: 2 ** -11, bf16: 2 ** -8 }

/** What is asked of an output of a sample. */
export function toleranceOf({ op, tolerance }: Sample, dtype: DType): Tolerance {
  const base = tolerance ?? tolerances[op] ?? unknown
  const unit = narrow[dtype]
  if (unit === undefined || base.element === 0) return base
  return { l2: 2 * unit, element: 4 * unit, floor: 'rms', reason: `stored as ${dtype}` }
}

/** Gradients go through a sample's op, and several more for a composite. */
export function gradientToleranceOf(sample: Sample): Tolerance {
  const { l2, element } = toleranceOf(sample, 'f32')
  return {
    l2: 10 * Math.max(l2, 1e-6),
    element: 10 * Math.max(element, 4e-6),
    floor: 'rms',
    reason: 'ten times what is asked of the result, as a gradient is several ops',
  }
}

import {
  add,
  avgPool2d,
  concat,
  conv2d,
  crossEntropy,
  div,
  gelu,
  layerNorm,
  less,
  matmul,
  maxPool2d,
  mean,
  mul,
  relu,
  reshape,
  scope,
  silu,
  softmax,
  split,
  type Tensor,
  transpose,
  uniform,
  valueAndGrad,
  where,
} from '@scanline/tensor'
import { of, type Sample, type SampleInput } from './sample.js'

const eps = 1e-6
/** Weights scaled as initialisation does, so that signals keep their size. */
const linear = (x: Tensor, w: Tensor, b: Tensor): Tensor => add(matmul(x, mul(w, 1 / Math.sqrt(w.shape[0]))), b)

/** The gated block of MambaOut (Yu & Wang, arXiv 2405.07992): norm, expand, convolve a part, gate, project, scale, add. */
function gatedBlock(x: Tensor, [nw, nb, w1, b1, dw, db, w2, b2, scale]: Tensor[], convolved: number): Tensor {
  const hidden = w2.shape[0]
  const [gate, keep, value] = split(linear(layerNorm(x, nw, nb, eps), w1, b1), [hidden, hidden - convolved, convolved])
  const mixed = conv2d(value, mul(dw, 0.2), db, { padding: 3, groups: convolved })
  return add(x, mul(linear(mul(gelu(gate), concat([keep, mixed])), w2, b2), scale))
}

const blockInputs = (dim: number, hidden: number, convolved: number): SampleInput[] => [
  of([dim]),
  of([dim]),
  of([dim, 2 * hidden]),
  of([2 * hidden]),
  of([convolved, 1, 7, 7]),
  of([convolved]),
  of([hidden, dim]),
  of([dim]),
  of([dim]),
]

const stem = (x: Tensor, [w1, b1, n1, m1, w2, b2, n2, m2]: Tensor[]): Tensor => {
  const halved = gelu(layerNorm(conv2d(x, mul(w1, 0.2), b1, { stride: 2, padding: 1 }), n1, m1, eps))
  return layerNorm(conv2d(halved, mul(w2, 0.1), b2, { stride: 2, padding: 1 }), n2, m2, eps)
}

const stemInputs = [of([5, 3, 3, 3]), of([5]), of([5]), of([5]), of([9, 5, 3, 3]), of([9]), of([9]), of([9])]

const head = (x: Tensor, [n1, m1, w1, b1, n2, m2, w2, b2]: Tensor[]): Tensor => {
  const pooled = layerNorm(mean(x, [1, 2]), n1, m1, eps)
  return linear(layerNorm(gelu(linear(pooled, w1, b1)), n2, m2, eps), w2, b2)
}

const headInputs = [of([9]), of([9]), of([9, 33]), of([33]), of([33]), of([33]), of([33, 10]), of([10])]

function attention(x: Tensor, [wq, wk, wv, wo]: Tensor[], heads: number): Tensor {
  const [n, l, c] = x.shape
  const project = (w: Tensor): Tensor => transpose(reshape(matmul(x, mul(w, 1 / Math.sqrt(c))), [n, l, heads, c / heads]), 1, 2)
  const scores = softmax(div(matmul(project(wq), transpose(project(wk))), Math.sqrt(c / heads)))
  return matmul(reshape(transpose(matmul(scores, project(wv)), 1, 2), [n, l, c]), wo)
}

export const networkSamples: readonly Sample[] = [
  {
    op: 'network',
    name: 'gated block, part convolved',
    inputs: [of([1, 7, 7, 24]), ...blockInputs(24, 64, 24)],
    run: (x, ...w) => gatedBlock(x, w, 24),
  },
  {
    op: 'network',
    name: 'gated block, all convolved',
    inputs: [of([2, 5, 6, 7]), ...blockInputs(7, 13, 13)],
    run: (x, ...w) => gatedBlock(x, w, 13),
  },
  { op: 'network', name: 'stem', inputs: [of([1, 17, 15, 3]), ...stemInputs], run: (x, ...w) => stem(x, w) },
  { op: 'network', name: 'head', inputs: [of([3, 7, 7, 9]), ...headInputs], run: (x, ...w) => head(x, w) },
  {
    op: 'network',
    name: 'stem, block and head',
    inputs: [of([2, 16, 16, 3]), ...stemInputs, ...blockInputs(9, 24, 9), ...headInputs],
    run: (x, ...w) => head(gatedBlock(stem(x, w.slice(0, 8)), w.slice(8, 17), 9), w.slice(17)),
  },
  {
    op: 'network',
    name: 'features as a list',
    inputs: [of([1, 16, 16, 3]), ...stemInputs],
    run: (x, ...w) => {
      const y = stem(x, w)
      return [y, maxPool2d(y, { kernel: 2 }), avgPool2d(y, { kernel: 2 }), y]
    },
    noGradient: 'one of the outputs is given twice',
  },
  {
    op: 'network',
    name: 'attention',
    inputs: [of([2, 17, 8]), of([8, 8]), of([8, 8]), of([8, 8]), of([8, 8])],
    run: (x, ...w) => attention(x, w, 2),
  },
  {
    op: 'network',
    name: 'weights used twice',
    inputs: [of([5, 9]), of([9, 9])],
    run: (x, w) => silu(matmul(relu(matmul(x, w)), w)),
  },
  {
    op: 'network',
    name: 'stochastic depth and dropout',
    inputs: [of([2], { dtype: 'i32', fill: [12345, -6789] }), of([4, 8]), of([8, 8])],
    run: (key, x, w) => {
      const y = matmul(x, w)
      return add(x, where(less(uniform(key, [4, 8], 1), 0.9), mul(y, 1 / 0.9), mul(y, 0)))
    },
  },
  {
    op: 'network',
    name: 'training step: loss, gradients, update',
    inputs: [of([4], { dtype: 'i32', fill: [0, 3, 1, 9] }), of([4, 5, 5, 9]), ...headInputs],
    run: (labels, x, ...w) => {
      const { value, grads } = valueAndGrad(() => crossEntropy(head(x, w), labels), w)
      return [value, ...scope(() => w.map((p, i) => add(p, mul(grads[i], -0.1))))]
    },
    noGradient: 'takes gradients itself',
  },
]

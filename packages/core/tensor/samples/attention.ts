import { permute, reshape, scaledDotProductAttention, split, type Tensor } from '@scanline/tensor'
import { of, type Sample } from './sample.js'

const attend = (name: string, [n, h, l, s, d, e]: readonly number[], scale?: number): Sample => ({
  op: 'attention',
  name,
  inputs: [of([n, h, l, d]), of([n, h, s, d]), of([n, h, s, e])],
  run: (q, k, v) => scaledDotProductAttention(q, k, v, scale === undefined ? {} : { scale }),
})

/** Queries, keys and values as views of one projection, as models have them. */
function multiHead(qkv: Tensor, heads: number): Tensor {
  const [n, length, width] = qkv.shape
  const [q, k, v] = split(qkv, [width / 3, width / 3, width / 3]).map((t) =>
    permute(reshape(t, [n, length, heads, -1]), [0, 2, 1, 3]),
  )
  return scaledDotProductAttention(q, k, v)
}

export const attentionSamples: readonly Sample[] = [
  { ...attend('one token', [1, 1, 1, 1, 3, 2]), noGradient: 'a single weight is 1 whatever the query' },
  attend('two keys and seven queries', [1, 2, 7, 2, 3, 3]),
  attend('a window of 49', [2, 2, 49, 49, 5, 5]),
  { ...attend('197 tokens, wide heads', [1, 2, 197, 197, 40, 40]), noGradient: 'as long as other samples are broad' },
  { ...attend('keys in two blocks and one more', [1, 2, 35, 513, 8, 9]), noGradient: 'as long as other samples are broad' },
  { ...attend('a negative scale', [1, 1, 5, 300, 4, 4], -0.7), noGradient: 'as long as other samples are broad' },
  attend('more keys than queries, wider values', [1, 3, 7, 17, 4, 9], 0.3),
  attend('odd head size', [1, 1, 16, 16, 49, 49]),
  {
    ...attend('in two ranges of queries', [1, 1, 66, 4099, 2, 2]),
    noGradient: 'as long as other samples are broad',
  },
  {
    op: 'attention',
    name: 'without batch and heads',
    inputs: [of([5, 4]), of([6, 4]), of([6, 3])],
    run: (q, k, v) => scaledDotProductAttention(q, k, v),
  },
  {
    op: 'attention',
    name: 'gradient in two ranges of queries',
    inputs: [of([65, 2]), of([4099, 2]), of([4099, 1])],
    run: (q, k, v) => scaledDotProductAttention(q, k, v),
    noDifferences: 'a thousand numbers would be moved one by one',
  },
  {
    op: 'attention',
    name: 'no queries',
    inputs: [of([2, 0, 4]), of([2, 3, 4]), of([2, 3, 4])],
    run: (q, k, v) => scaledDotProductAttention(q, k, v),
  },
  { op: 'attention', name: 'views of one projection', inputs: [of([2, 9, 24])], run: (x) => multiHead(x, 2) },
  {
    op: 'attention',
    name: 'large scores, larger ones later',
    inputs: [of([33, 4], { fill: [1e4, 1, 1e4] }), of([517, 4], { fill: [-1e3, 20, 1e3, 5, 60, 0] }), of([517, 4])],
    run: (q, k, v) => scaledDotProductAttention(q, k, v),
    noGradient: 'saturated',
  },
  {
    op: 'attention',
    name: 'large scores',
    inputs: [of([3, 2], { fill: [1e3, -1e3, 10] }), of([4, 2], { fill: [30, -7, 2] }), of([4, 2])],
    run: (q, k, v) => scaledDotProductAttention(q, k, v),
    noGradient: 'saturated',
  },
]

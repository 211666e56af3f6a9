import { sizeOf } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Input, noise } from './launch.js'
import { strided, suite } from './reference.js'

const { check, run } = suite()
const tolerance = { ofLargest: 1e-6 }

interface Case {
  readonly x: readonly [number, number, number, number]
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly padding: readonly [number, number, number, number]
  readonly dilation: readonly [number, number]
}

const geometry = (x: Case['x'], kernel: number, stride = 1, padding = kernel >> 1, dilation = 1): Case => ({
  x,
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding, padding, padding],
  dilation: [dilation, dilation],
})

const cases: Record<string, Case> = {
  '3×3 over 24 channels': geometry([2, 14, 14, 24], 3),
  '3×3, stride 2, 197 channels': geometry([1, 13, 9, 197], 3, 2),
  '7×7 over an image of 7×7': geometry([2, 7, 7, 17], 7),
  '7×7 over a large image': geometry([1, 30, 31, 20], 7),
  '2×2, stride 2, no padding, one channel': geometry([3, 9, 8, 1], 2, 2, 0),
  '3×3, dilation 2, stride 2': geometry([1, 11, 12, 7], 3, 2, 2, 2),
  '3×3, dilation 3': geometry([1, 9, 9, 3], 3, 1, 3, 3),
  'a kernel wider than high, uneven padding': {
    x: [2, 8, 13, 5],
    kernel: [2, 5],
    stride: [1, 3],
    padding: [1, 0, 2, 4],
    dilation: [1, 1],
  },
  '11 taps a row': { x: [1, 5, 30, 6], kernel: [1, 11], stride: [1, 1], padding: [0, 0, 5, 5], dilation: [1, 1] },
  'no images': geometry([0, 7, 7, 4], 3),
}
const list = Object.entries(cases)

const outLength = (n: number, k: number, before: number, after: number, s: number, d: number) =>
  Math.floor((n + before + after - d * (k - 1) - 1) / s) + 1
function outputOf({ x, kernel, stride, padding: [t, b, l, r], dilation }: Case): [number, number, number, number] {
  const h = outLength(x[1], kernel[0], t, b, stride[0], dilation[0])
  return [x[0], h, outLength(x[2], kernel[1], l, r, stride[1], dilation[1]), x[3]]
}
const tensor = (shape: readonly number[], seed = 1): Input => ({ data: noise(sizeOf(shape), seed), shape })
const windowOf = ({ stride, padding, dilation }: Case) => ({ stride, padding, dilation })

async function checkAll(c: Case) {
  const out = outputOf(c)
  const { kernel } = c
  const window = windowOf(c)
  const x = tensor(c.x)
  const g = tensor(out, 2)
  await check('maxPool2d', [x], { ...window, kernel })
  await check('maxPool2dGrad', [x, g], { ...window, kernel }, tolerance)
  for (const countPadding of [true, false]) {
    await check('avgPool2d', [x], { ...window, kernel, countPadding }, tolerance)
    await check('avgPool2dGrad', [g], { ...window, kernel, countPadding, shape: c.x }, tolerance)
  }
  await check('unfold', [x], { ...window, kernel })
  await check('fold', [tensor([...out.slice(0, 3), ...kernel, c.x[3]], 3)], { ...window, kernel, shape: c.x }, tolerance)
  const w = tensor([c.x[3], 1, ...kernel], 4)
  await check('depthwiseConv2dInputGrad', [g, w], { ...window, shape: c.x }, tolerance)
  await check('depthwiseConv2dWeightGrad', [x, g], { ...window, shape: w.shape }, tolerance)
}

test.each(list)('pooling, columns and gradients: %s', (_, c) => checkAll(c))

test('any window', async () => {
  const pair = (low: number, high: number) => fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
  const windows = fc
    .record({
      n: fc.integer({ min: 1, max: 2 }),
      size: pair(1, 9),
      c: fc.integer({ min: 1, max: 21 }),
      kernel: pair(1, 4),
      stride: pair(1, 3),
      dilation: pair(1, 2),
      pads: fc.tuple(pair(0, 3), pair(0, 3)),
    })
    .map(({ n, size, c, kernel, stride, dilation, pads }): Case => {
      // A window that lies wholly in the padding has no largest element.
      const most = (axis: 0 | 1) => dilation[axis] * (kernel[axis] - 1)
      const padding = [0, 0, 1, 1].map((axis, i) => Math.min(pads[axis][i % 2], most(axis as 0 | 1)))
      return { x: [n, size[0], size[1], c], kernel, stride, dilation, padding: padding as unknown as Case['padding'] }
    })
    .filter((c) => outputOf(c)[1] > 0 && outputOf(c)[2] > 0)
  await fc.assert(fc.asyncProperty(windows, checkAll), { numRuns: 40 })
})

describe.each(['gaps', 'permuted'] as const)('%s in the inputs', (how) => {
  const c = geometry([2, 6, 7, 9], 3, 2)
  const view = (shape: readonly number[], seed = 1) => strided(noise(sizeOf(shape), seed), shape, how)
  test.each(['maxPool2d', 'avgPool2d', 'unfold'])('%s', (op) =>
    check(op, [view(c.x)], { ...windowOf(c), kernel: c.kernel, ...(op === 'avgPool2d' && { countPadding: true }) }, tolerance),
  )
  test.each([1, 2])('gradients, stride %i', async (stride) => {
    const s = geometry(c.x, 3, stride)
    const g = view(outputOf(s), 2)
    await check('maxPool2dGrad', [view(s.x), g], { ...windowOf(s), kernel: s.kernel }, tolerance)
    await check('depthwiseConv2dInputGrad', [g, view([9, 1, 3, 3], 3)], { ...windowOf(s), shape: s.x }, tolerance)
    await check('depthwiseConv2dWeightGrad', [view(s.x), g], { ...windowOf(s), shape: [9, 1, 3, 3] }, tolerance)
  })
})

test('the first of equal elements gets the gradient, NaN wins, and -Infinity is an element', async () => {
  const c = geometry([1, 4, 4, 5], 3)
  const values = [0, 1, 1, Number.NEGATIVE_INFINITY, Number.NaN, 1, Number.POSITIVE_INFINITY, -0, -2]
  const x = { data: Array.from({ length: 80 }, (_, i) => values[(i * i) % 9]), shape: c.x }
  const lowest = { data: new Array(80).fill(Number.NEGATIVE_INFINITY), shape: c.x }
  const attrs = { ...windowOf(c), kernel: c.kernel }
  for (const input of [x, lowest]) {
    await check('maxPool2d', [input], attrs)
    await check('maxPool2dGrad', [input, tensor(c.x, 2)], attrs, tolerance)
  }
})

test('a gradient summed over many pixels keeps seven digits', async () => {
  const c = geometry([4, 112, 112, 4], 3)
  const positive = (seed: number) => ({ data: noise(sizeOf(c.x), seed).map((v) => v + 1), shape: c.x })
  await check(
    'depthwiseConv2dWeightGrad',
    [positive(1), positive(2)],
    { ...windowOf(c), shape: [4, 1, 3, 3] },
    { relative: 2e-7 },
  )
})

test('other types are refused', async () => {
  const x: Input = { data: [1, 2, 3, 4], shape: [1, 2, 2, 1], dtype: 'f16' }
  const attrs = { ...windowOf(geometry([1, 2, 2, 1], 1)), kernel: [1, 1] }
  for (const op of ['maxPool2d', 'avgPool2d', 'unfold']) await expect(run(op, [x], attrs)).rejects.toThrow(/not f16; cast/)
})

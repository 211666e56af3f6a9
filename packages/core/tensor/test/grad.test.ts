import { describe, expect, test } from 'vitest'
import * as s from '../src/index.js'

const device = new s.ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const

const seeded = (shape: number[], seed = 1, scale = 1) => {
  const random = new s.Generator(seed)
  return s.tensor(
    Float64Array.from({ length: s.sizeOf(shape) }, () => scale * random.normal()),
    { ...f64, shape },
  )
}

/** Largest distance between the gradient and a central difference, relative to the gradient's size. */
async function gradientError(f: (...inputs: s.Tensor[]) => s.Tensor, inputs: s.Tensor[]): Promise<number> {
  const weight = seeded([...f(...inputs).shape], 99)
  const loss = (...xs: s.Tensor[]) => s.sum(s.mul(f(...xs), weight))
  const grads = s.grad(loss)(...inputs)
  let worst = 0
  for (const [k, input] of inputs.entries()) {
    const values = (await input.data()) as Float64Array
    const grad = (await grads[k].data()) as Float64Array
    const scale = Math.max(1e-3, ...grad.map(Math.abs))
    for (let i = 0; i < values.length; i++) {
      const at = async (delta: number) => {
        const moved = values.slice()
        moved[i] += delta
        return await loss(...inputs.map((x, j) => (j === k ? s.tensor(moved, { ...f64, shape: x.shape }) : x))).item()
      }
      const h = 1e-5
      worst = Math.max(worst, Math.abs(((await at(h)) - (await at(-h))) / (2 * h) - grad[i]) / scale)
    }
  }
  return worst
}

describe('gradients against central differences', () => {
  const cases: [string, (...xs: s.Tensor[]) => s.Tensor, number[][]][] = [
    ['gelu', (x) => s.gelu(x), [[7]]],
    ['silu', (x) => s.silu(x), [[7]]],
    ['softplus', (x) => s.softplus(x), [[7]]],
    ['arithmetic, broadcast', (a, b) => s.div(s.mul(a, s.add(b, 3)), s.add(s.square(b), 1)), [[2, 3], [3]]],
    ['maximum', (a, b) => s.maximum(a, b), [[5], [5]]],
    ['pow', (a) => s.pow(s.abs(a), 2.5), [[5]]],
    ['where', (a, b) => s.where(s.less(a, b), s.mul(a, 2), b), [[5], [5]]],
    ['mean over axes', (x) => s.mean(x, [0, 2]), [[2, 3, 4]]],
    ['max', (x) => s.max(x, [1]), [[3, 4]]],
    ['permute, reshape, slice', (x) => s.slice(s.reshape(s.permute(x, [2, 0, 1]), [4, 6]), 1, 1, 6, 2), [[2, 3, 4]]],
    [
      'concat, pad, flip',
      (a, b) => s.flip(s.pad(s.concat([a, b], 1), { before: [1, 0], after: [0, 2], interior: [1, 0] }), [1]),
      [
        [2, 2],
        [2, 3],
      ],
    ],
    [
      'matmul',
      (a, b) => s.matmul(a, b),
      [
        [2, 3, 4],
        [4, 5],
      ],
    ],
    [
      'matmul, batched',
      (a, b) => s.matmul(a, b),
      [
        [2, 1, 3, 4],
        [3, 4, 2],
      ],
    ],
    ['conv2d', (x, w, b) => s.conv2d(x, w, b, { stride: 2, padding: 1 }), [[1, 5, 4, 2], [3, 2, 3, 3], [3]]],
    [
      'conv2d, groups',
      (x, w) => s.conv2d(x, w, undefined, { groups: 2, padding: [0, 1, 2, 0], dilation: [1, 2] }),
      [
        [1, 5, 4, 4],
        [6, 2, 3, 2],
      ],
    ],
    [
      'depthwise',
      (x, w) => s.conv2d(x, w, undefined, { groups: 3, padding: 1, stride: [1, 2] }),
      [
        [1, 4, 5, 3],
        [3, 1, 3, 3],
      ],
    ],
    [
      'second order',
      (x, w) => s.grad((y) => s.sum(s.square(s.conv2d(y, w, undefined, { groups: 2, padding: 1 }))))(x)[0],
      [
        [1, 3, 3, 2],
        [2, 1, 3, 3],
      ],
    ],
    ['layer norm', (x, w, b) => s.layerNorm(x, w, b, 1e-6), [[3, 5], [5], [5]]],
    ['rms norm', (x, w) => s.rmsNorm(x, w, 1e-5), [[3, 5], [5]]],
    ['causal convolution', (x, w, b) => s.causalConv1d(x, w, b, { activation: 'silu' }), [[2, 3, 4], [4, 4], [4]]],
    ['layer norm, plain', (x) => s.layerNorm(x, undefined, undefined, 1e-6), [[3, 5]]],
    [
      'a fused epilogue',
      (a, b, c) => {
        const epilogue = s.expression((e) => e.unary('tanh', e.binary('mul', e.input(0), e.input(1))))
        return s.apply1(s.matmulOp, [a, b, c], { epilogue })
      },
      [
        [2, 3],
        [3, 2],
        [2, 2],
      ],
    ],
    [
      'selective scan',
      (u, delta, a, b, c, d, z, deltaBias) =>
        s.selectiveScan(u, delta, s.neg(s.exp(a)), b, c, { d, z, deltaBias, deltaSoftplus: true }),
      [[2, 5, 4], [2, 5, 4], [4, 3], [2, 5, 3], [2, 5, 3], [4], [2, 5, 4], [4]],
    ],
    [
      'selective scan, reverse, groups, last state alone',
      (u, delta, a, b, c, deltaBias) => {
        const options = { deltaBias, deltaSoftplus: true, reverse: true }
        return s.selectiveScanWithState(u, delta, s.neg(s.exp(a)), b, c, options).lastState
      },
      [[1, 5, 4], [1, 5, 4], [4, 2], [1, 5, 2, 2], [1, 5, 2, 2], [4]],
    ],
    [
      'selective scan, plain, with its last state',
      (u, delta, a, b, c) => {
        const { y, lastState } = s.selectiveScanWithState(u, s.square(delta), s.neg(s.exp(a)), b, c, { reverse: true })
        return s.concat([s.reshape(y, [-1]), s.reshape(lastState, [-1])])
      },
      [
        [1, 4, 3],
        [1, 4, 3],
        [3, 2],
        [1, 4, 2],
        [1, 4, 2],
      ],
    ],
    [
      'selective scan, gradients of b and c in parts',
      (b, c) => {
        const sequence = seeded([1, 2, 128], 7)
        return s.selectiveScan(sequence, s.square(sequence), s.neg(s.square(seeded([128, 2], 8))), b, c)
      },
      [
        [1, 2, 2],
        [1, 2, 2],
      ],
    ],
    ['softmax', (x) => s.softmax(x, 0), [[3, 4]]],
    ['log softmax', (x) => s.logSoftmax(x), [[3, 4]]],
    ['max pool', (x) => s.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }), [[1, 5, 4, 2]]],
    ['average pool', (x) => s.avgPool2d(x, { kernel: 3, stride: 2, padding: 1, countPadding: false }), [[1, 5, 4, 2]]],
  ]
  test.each(cases)('%s', async (_, f, shapes) => {
    expect(
      await gradientError(
        f,
        shapes.map((shape, i) => seeded(shape, i + 1)),
      ),
    ).toBeLessThan(1e-6)
  })

  test('cross entropy', async () => {
    const labels = s.tensor([1, 0, 3], { device, dtype: 'i32' })
    expect(await gradientError((x) => s.crossEntropy(x, labels), [seeded([3, 4])])).toBeLessThan(1e-6)
  })

  test('gather adds the rows that repeat', async () => {
    const index = s.tensor([2, 0, 2], { device, dtype: 'i32' })
    expect(await gradientError((x) => s.square(s.gather(x, index)), [seeded([3, 2])])).toBeLessThan(1e-6)
  })
})

test('memory returns to its baseline', () => {
  const device = new s.ReferenceBackend()
  const before = device.memory()
  s.scope(() => {
    const x = s.full([1, 4, 4, 2], 1.5, { device })
    const w = s.full([2, 1, 3, 3], 0.5, { device })
    const { grads } = s.valueAndGrad(() => s.mean(s.gelu(s.conv2d(x, w, undefined, { groups: 2, padding: 1 }))), [x, w])
    expect(grads.map((g) => g.shape)).toEqual([x.shape, w.shape])
  })
  expect(device.memory()).toEqual(before)
})

test('an op without a gradient says so', () => {
  const x = seeded([1, 4, 4, 1])
  expect(() => s.grad((y) => s.sum(s.grad((z) => s.sum(s.maxPool2d(s.square(z), { kernel: 2 })))(y)[0]))(x)).toThrow(
    /maxPool2dGrad has no gradient/,
  )
})

test('selective scan says which input does not fit', () => {
  const t = (...shape: number[]) => s.zeros(shape, { device })
  const call = (b: s.Tensor, options?: s.SelectiveScanOptions) => () =>
    s.selectiveScan(t(2, 5, 6), t(2, 5, 6), t(6, 3), b, t(2, 5, 3), options)
  expect(call(t(2, 5, 4))).toThrow(/needs b of shape \[2, 5, 3\], or \[2, 5, groups, 3\] .*got \[2, 5, 4\]/)
  expect(call(t(2, 5, 4, 3))).toThrow(/groups that divide 6/)
  expect(call(t(2, 5, 2, 3))).toThrow(/needs c of shape that of b/)
  expect(call(t(2, 5, 3), { z: t(2, 5, 5) })).toThrow(/needs z of shape that of u, got \[2, 5, 5\]/)
  expect(call(t(2, 5, 3), { deltaBias: t(5) })).toThrow(/needs deltaBias of shape \[6\]/)
  expect(() => s.selectiveScan(t(2, 5), t(2, 5), t(6, 3), t(2, 5, 3), t(2, 5, 3))).toThrow(s.ShapeError)
})

test('a causal convolution looks back only, with its last tap on the current position', async () => {
  const x = s.tensor([1, 2, 3, 4], { ...f64, shape: [1, 4, 1] })
  const weight = s.tensor([100, 10, 1], { ...f64, shape: [1, 1, 3] })
  expect([...((await s.causalConv1d(x, weight).data()) as Float64Array)]).toEqual([1, 12, 123, 234])
  expect(() => s.causalConv1d(x, s.zeros([2, 3], { device }))).toThrow(
    /weight \[D, W\] or \[D, 1, W\], got \[1, 4, 1\] and \[2, 3\]/,
  )
})

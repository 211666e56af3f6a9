import { BatchNorm2d, Conv2d, Linear, Module } from '@scanline/nn'
import {
  add,
  apply1,
  avgPool2d,
  causalConv1d,
  matmul,
  mul,
  type Op,
  relu,
  reshape,
  scaledDotProductAttention,
  selectiveScan,
  softmax,
  type Tensor,
  type Tree,
  transpose,
  zeros,
} from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CostError } from '../src/errors.js'
import { publishedMacs } from '../src/published-rules.js'
import { recordForward } from '../src/record.js'
import { ShapeBackend } from '../src/shape-backend.js'
import { countCalls } from '../src/work.js'

const device = new ShapeBackend()

class Applies extends Module {
  readonly f: (x: Tensor) => Tree
  constructor(f: (x: Tensor) => Tree) {
    super()
    this.f = f
  }
  forward(x: Tensor): Tree {
    return this.f(x)
  }
}

/** The calls of `f` that compute something. */
function callsOf(f: (x: Tensor) => Tree, shape: readonly number[]) {
  const model = new Applies(f)
  const { calls } = recordForward(model, (x) => model.forward(x), { shape, dtype: 'f32' }, device)
  return countCalls(calls).filter(({ flops }) => flops > 0)
}
const worksOf = (f: (x: Tensor) => Tree, shape: readonly number[]) =>
  callsOf(f, shape).map(({ kind, macs, flops }) => ({ kind, macs, flops }))

const weights = (...shape: number[]): Tensor => zeros(shape, { device })
const size = fc.integer({ min: 1, max: 40 })

describe('work', () => {
  it('of products: by what they multiply', () => {
    fc.assert(
      fc.property(size, size, size, size, (n, m, k, l) => {
        const macs = n * m * k * l
        expect(worksOf((x) => matmul(x, weights(k, l)), [n, m, k])).toEqual([{ kind: 'linear', macs, flops: 2 * macs }])
        expect(worksOf((x) => matmul(x, transpose(x)), [n, m, k])).toEqual([
          { kind: 'matmul', macs: n * m * m * k, flops: 2 * n * m * m * k },
        ])
      }),
    )
  })

  it('of convolutions: taps in padding count', () => {
    expect(
      callsOf((x) => new Conv2d(6, 4, 3, { padding: 1, stride: 2, bias: false, device }).forward(x), [1, 5, 7, 6]),
    ).toMatchObject([{ kind: 'conv2d', macs: 3 * 4 * 4 * 6 * 9 }])
    expect(worksOf((x) => causalConv1d(x, weights(6, 1, 4)), [2, 9, 6])).toEqual([
      { kind: 'conv1d', macs: 2 * 9 * 6 * 4, flops: 2 * 2 * 9 * 6 * 4 },
    ])
  })

  it('of attention: both products and five for each score', () => {
    const [batch, heads, length, dim] = [2, 3, 11, 8]
    const scores = batch * heads * length ** 2
    expect(worksOf((x) => scaledDotProductAttention(x, x, x), [batch, heads, length, dim])).toEqual([
      { kind: 'attention', macs: 2 * scores * dim, flops: 2 * 2 * scores * dim + 5 * scores },
    ])
    // As much as its parts.
    const parts = worksOf((x) => matmul(softmax(matmul(x, transpose(x))), x), [batch, heads, length, dim])
    expect(parts.reduce((n, { macs }) => n + macs, 0)).toBe(2 * scores * dim)
    expect(parts.reduce((n, { flops }) => n + flops, 0)).toBe(2 * 2 * scores * dim + 5 * scores)
  })

  it('of a scan: two multiply-adds for each state and one for the skip', () => {
    const [batch, length, channels, states] = [2, 7, 6, 4]
    const scan = (x: Tensor, d?: Tensor) =>
      selectiveScan(x, x, weights(channels, states), weights(batch, length, states), weights(batch, length, states), { d })
    const steps = batch * length * channels
    expect(worksOf((x) => scan(x), [batch, length, channels])).toEqual([
      { kind: 'scan', macs: 2 * steps * states, flops: steps * (7 * states + 1) },
    ])
    expect(worksOf((x) => scan(x, weights(channels)), [batch, length, channels])).toEqual([
      { kind: 'scan', macs: 2 * steps * states + steps, flops: steps * (7 * states + 3) },
    ])
  })

  it('of the rest: no multiply-adds; of views and of weights alone: nothing', () => {
    expect(worksOf((x) => reshape(avgPool2d(mul(add(x, 1), x), { kernel: 2 }), [-1]), [1, 4, 4, 3])).toEqual([
      { kind: 'none', macs: 0, flops: 48 },
      { kind: 'none', macs: 0, flops: 48 },
      { kind: 'none', macs: 0, flops: 48 },
    ])
    expect(worksOf((x) => add(x, mul(weights(3), weights(3))), [2, 3])).toHaveLength(1)
  })

  it('of an op that is not known: its parts, or an error that names it', () => {
    const op = (decompose?: Op['decompose']): Op => ({
      name: 'twiceFused',
      infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
      flops: () => 1,
      ...(decompose && { decompose }),
    })
    const fused = op(([x]) => [matmul(relu(x), weights(5, 5))])
    expect(worksOf((x) => apply1(fused, [x], {}), [2, 5])).toEqual([
      { kind: 'none', macs: 0, flops: 20 },
      { kind: 'linear', macs: 50, flops: 100 },
    ])
    expect(() => worksOf((x) => apply1(op(), [x], {}), [2, 5])).toThrow(CostError)
    expect(() => worksOf((x) => apply1(op(), [x], {}), [2, 5])).toThrow(/"twiceFused".*no decomposition/)
  })

  it('never computes with numbers', async () => {
    await expect(zeros([2], { device }).data()).rejects.toThrow(/reads numbers while it is traced/)
  })
})

describe('a published rule', () => {
  it('selects kinds of ops and adds for layers by the elements that they read', () => {
    class Small extends Module {
      readonly conv = new Conv2d(3, 4, 3, { padding: 1, device })
      readonly norm = new BatchNorm2d(4, { device })
      readonly fc = new Linear(4, 5, { device })
      forward(x: Tensor): Tensor {
        return this.fc.forward(relu(this.norm.forward(this.conv.forward(x))))
      }
    }
    const model = new Small().eval()
    const { calls, visits } = recordForward(model, (x) => model.forward(x), { shape: [1, 6, 8, 3], dtype: 'f32' }, device)
    const [pixels, conv, linear] = [48, 48 * 4 * 27, 48 * 4 * 5]
    const by = (rule: Omit<Parameters<typeof publishedMacs>[2], 'about'>): number =>
      publishedMacs(countCalls(calls), visits, { about: '', ...rule })
    expect(by({ kinds: [], layers: [] })).toBe(0)
    expect(by({ kinds: ['conv2d', 'linear'], layers: [] })).toBe(conv + linear)
    expect(by({ kinds: ['linear'], layers: [{ layer: BatchNorm2d, perElement: 2 }] })).toBe(linear + 2 * pixels * 4)
    expect(by({ kinds: [], layers: [], perActivation: 3, perConvBias: 1 })).toBe(3 * pixels * 4 + pixels * 4)
    expect(new Set(calls.map(({ path }) => path))).toEqual(new Set(['conv', 'norm', '', 'fc']))
  })
})

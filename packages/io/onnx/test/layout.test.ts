import {
  add,
  broadcastTo,
  concat,
  conv2d,
  flip,
  layerNorm,
  matmul,
  maximum,
  mean,
  mul,
  pad,
  permute,
  ReferenceBackend,
  relu,
  reshape,
  slice,
  softmax,
  type Tensor,
  tensor,
} from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exportOnnx, onnxBytes } from '../src/index.js'
import { difference, numbers, openSession, runSession } from './setup.js'

const device = new ReferenceBackend()
const constant = (shape: readonly number[], seed: number): Tensor => tensor(numbers(shape, seed), { shape, device })

/** A step that any tensor with at least two axes takes; `k` chooses among its variants. The batch stays in front. */
type Step = (x: Tensor, k: number) => Tensor

const moved = (x: Tensor, k: number): number[] => {
  const rest = x.shape.slice(1).map((_, i) => i + 1)
  const at = k % rest.length
  return [0, ...rest.slice(at), ...rest.slice(0, at)]
}

const steps: Record<string, Step> = {
  permute: (x, k) => permute(x, moved(x, k)),
  /** The batch too is elsewhere for a while. */
  turn: (x, k) => {
    const axes = x.shape.map((_, i) => (i + 1 + (k % x.rank)) % x.rank)
    const turned = relu(permute(x, axes))
    return permute(
      turned,
      axes.map((_, i) => axes.indexOf(i)),
    )
  },
  merge: (x, k) => {
    if (x.rank < 3) return x
    const at = 1 + (k % (x.rank - 2))
    return reshape(x, [...x.shape.slice(0, at), x.shape[at] * x.shape[at + 1], ...x.shape.slice(at + 2)])
  },
  split: (x, k) => {
    const at = 1 + (k % (x.rank - 1))
    const by = [2, 3].find((n) => x.shape[at] % n === 0)
    return by === undefined || x.rank > 4
      ? x
      : reshape(x, [...x.shape.slice(0, at), by, x.shape[at] / by, ...x.shape.slice(at + 1)])
  },
  conv: (x, k) => {
    if (x.rank !== 4) return x
    const [channels, filters] = [x.shape[3], 1 + (k % 4)]
    const y = conv2d(x, constant([filters, channels, 1 + 2 * (k % 2), 1], k), k % 3 === 0 ? constant([filters], k) : undefined, {
      padding: [k % 2, 0],
    })
    return k % 5 === 0 ? add(y, constant([filters], k + 1)) : y
  },
  linear: (x, k) => matmul(x, constant([x.shape[x.rank - 1], 1 + (k % 3)], k)),
  norm: (x, k) => {
    const n = x.shape[x.rank - 1]
    // Shifted: a mean of 0 would be noise.
    return n > 1 ? layerNorm(x, constant([n], k), add(constant([n], k + 1), 3), 0.1) : x
  },
  softmax: (x, k) => softmax(x, 1 + (k % (x.rank - 1))),
  slice: (x, k) => {
    const at = 1 + (k % (x.rank - 1))
    return x.shape[at] < 3 ? x : slice(x, at, 1, x.shape[at], 1 + (k % 2))
  },
  flip: (x, k) => flip(x, [1 + (k % (x.rank - 1))]),
  pad: (x, k) =>
    pad(x, { before: x.shape.map((_, i) => (i === 1 + (k % (x.rank - 1)) ? 1 : 0)), after: x.shape.map(() => 0), value: k % 2 }),
  /** With itself in another order of axes, where that has the same shape. */
  residual: (x, k) => {
    const y = permute(x, moved(x, k))
    return y.shape.every((d, i) => d === x.shape[i]) ? add(x, y) : maximum(x, mul(x, 0.5))
  },
  channels: (x, k) => mul(x, constant([x.shape[x.rank - 1]], k)),
  table: (x, k) => add(x, constant(x.shape.slice(1), k)),
  gate: (x, k) => mul(x, mean(x, [1 + (k % (x.rank - 1))], true)),
  concat: (x, k) => concat([x, relu(x)], 1 + (k % (x.rank - 1))),
  token: (x, k) => concat([broadcastTo(constant([1, ...x.shape.slice(1)], k), x.shape), x], 1),
}

const programs = fc.array(fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.nat(11)), { minLength: 1, maxLength: 9 })

describe('programs of random steps', () => {
  it.each(['NCHW', 'NHWC'] as const)('give the same with %s outside', async (layout) => {
    const outside = (t: Tensor): Tensor => (t.rank === 4 && layout === 'NCHW' ? permute(t, [0, 3, 1, 2]) : t)
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const f = (x: Tensor): Tensor => program.reduce((y, [name, k]) => (y.size > 1000 * y.shape[0] ? y : steps[name](y, k)), x)
        const session = await openSession(
          onnxBytes(await exportOnnx(f, [{ shape: [1, 3, 4, 6], dtype: 'f32' }], { device, layout })),
        )
        for (const batch of [1, 4]) {
          const x = constant([batch, 3, 4, 6], batch)
          const want = outside(f(x))
          const input = outside(x)
          const [got] = await runSession(session, [{ shape: input.shape, values: (await input.data()) as Float32Array }])
          expect(got.dims.map(Number)).toEqual(want.shape)
          expect(difference(got.values, (await want.data()) as Float32Array)).toBeLessThan(1e-3)
        }
        await session.release()
      }),
      { numRuns: 150 },
    )
  })
})

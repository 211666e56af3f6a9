import { compile } from '@scanline/compile'
import { ReferenceBackend, scope, type Tensor, tensor } from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adamw, lamb, type Optimizer, pack, sgd, unpack } from '../src/index.js'

const device = new ReferenceBackend()
const f64 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  tensor(Float64Array.from(values), { shape, device, dtype: 'f64' })
const read = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number)

/** One parameter through given gradients, eagerly. */
async function follow(
  rule: Optimizer,
  start: readonly number[],
  grads: readonly (readonly number[])[],
  lr: number,
  weightDecay = 0,
  lrScale = 1,
) {
  let value = f64(start)
  let buffers = Object.fromEntries(rule.buffers.map((name) => [name, f64(start.map(() => 0))]))
  for (const [i, grad] of grads.entries()) {
    const numbers = rule.scalars(lr, i + 1)
    const scalars = unpack(f64([...pack(numbers)]), Object.keys(numbers))
    const [next] = scope(() => rule.update([{ value, grad: f64(grad), buffers, weightDecay, lrScale }], scalars))
    value = next.value
    buffers = { ...next.buffers }
  }
  return { value: await read(value), buffers }
}

const finite = fc.double({ min: -3, max: 3, noNaN: true })
const rows = fc.integer({ min: 1, max: 5 }).chain((n) =>
  fc.record({
    start: fc.array(finite, { minLength: n, maxLength: n }),
    grads: fc.array(fc.array(finite, { minLength: n, maxLength: n }), { minLength: 1, maxLength: 6 }),
  }),
)
const closeAll = (found: readonly number[], expected: readonly number[]): void => {
  for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 10)
}

describe('against their definitions, written out', () => {
  test('AdamW', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.double({ min: 0, max: 0.3, noNaN: true }), async ({ start, grads }, w) => {
        const [lr, b1, b2, eps] = [0.01, 0.8, 0.95, 1e-8]
        const p = [...start]
        const [m, v] = [p.map(() => 0), p.map(() => 0)]
        for (const [i, g] of grads.entries())
          for (const k of p.keys()) {
            p[k] *= 1 - lr * w
            m[k] = b1 * m[k] + (1 - b1) * g[k]
            v[k] = b2 * v[k] + (1 - b2) * g[k] ** 2
            p[k] -= ((lr / (1 - b1 ** (i + 1))) * m[k]) / (Math.sqrt(v[k]) / Math.sqrt(1 - b2 ** (i + 1)) + eps)
          }
        closeAll((await follow(adamw({ betas: [b1, b2] }), start, grads, lr, w)).value, p)
      }),
      { numRuns: 30 },
    )
  })
  test('SGD with Nesterov momentum and with dampening', async () => {
    const options = fc.oneof(
      fc.record({ momentum: fc.constant(0.9), nesterov: fc.constant(true) }),
      fc.record({ momentum: fc.constantFrom(0, 0.5, 0.9), dampening: fc.constantFrom(0, 0.3) }),
    )
    await fc.assert(
      fc.asyncProperty(rows, options, async ({ start, grads }, given) => {
        const [lr, w, mu] = [0.1, 0.05, given.momentum]
        const dampening = 'dampening' in given ? given.dampening : 0
        const p = [...start]
        const b = p.map(() => 0)
        for (const [i, grad] of grads.entries())
          for (const k of p.keys()) {
            const g = grad[k] + w * p[k]
            b[k] = i === 0 ? g : mu * b[k] + (1 - dampening) * g
            p[k] -= lr * (mu === 0 ? g : 'nesterov' in given ? g + mu * b[k] : b[k])
          }
        closeAll((await follow(sgd(given), start, grads, lr, w)).value, p)
      }),
      { numRuns: 30 },
    )
  })
  test('LAMB: the length of a decayed step is lr times that of the weights, whatever the gradient', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async ({ start, grads }) => {
        const [lr, w] = [0.01, 0.1]
        const before = await follow(lamb(), start, grads.slice(0, -1), lr, w)
        const after = await follow(lamb(), start, grads, lr, w)
        const length = (values: readonly number[]) => Math.hypot(...values)
        const step = length(after.value.map((v, i) => v - before.value[i]))
        const weights = length(before.value)
        const still = grads.every((g) => length(g) < 1e-6)
        if (weights > 1e-3 && !still) expect(step).toBeCloseTo(lr * weights, 8)
      }),
      { numRuns: 40 },
    )
  })
  test('LAMB without weight decay steps as Adam does, with its own limit on the gradient', async () => {
    const grads = [
      [3, -4],
      [0.3, 0.1],
    ]
    const limited = grads.map((g) => g.map((v) => v / Math.max(1, Math.hypot(...g))))
    closeAll((await follow(lamb({ eps: 1e-8 }), [1, 2], grads, 0.01)).value, (await follow(adamw(), [1, 2], limited, 0.01)).value)
  })
})

test('a parameter at zero, or a step of zero, keeps the ratio of LAMB at one', async () => {
  const { value } = await follow(lamb({ eps: 0, maxGradNorm: null }), [0, 0], [[1, -1]], 0.1, 0.5)
  closeAll(value, [-0.1, 0.1])
  closeAll((await follow(lamb(), [1, 1], [[0, 0]], 0.1)).value, [1, 1])
})

test.each(
  [adamw(), adamw({ decoupled: false }), lamb(), sgd({ momentum: 0.9 }), sgd()].map((rule) => [rule.name, rule] as const),
)('%s: the rate of a group scales the rate', async (_, rule) => {
  const grads = [
    [0.5, -0.2],
    [0.1, 0.4],
  ]
  closeAll((await follow(rule, [1, -2], grads, 0.01, 0.1, 0.3)).value, (await follow(rule, [1, -2], grads, 0.003, 0.1)).value)
})

test('one compiled program serves every step', async () => {
  const rule: Optimizer = adamw()
  const names = Object.keys(rule.scalars(1, 1))
  const shape = [3]
  const spec = { shape, dtype: 'f64' } as const
  const program = await compile(
    (value, grad, exp_avg, exp_avg_sq, vector) => {
      const [next] = rule.update([{ value, grad, buffers: { exp_avg, exp_avg_sq }, weightDecay: 0.1 }], unpack(vector, names))
      return [next.value, next.buffers.exp_avg, next.buffers.exp_avg_sq]
    },
    [spec, spec, spec, spec, { shape: [names.length], dtype: 'f64' }],
    {
      device,
      inPlace: [
        [0, 0],
        [1, 2],
        [2, 3],
      ],
    },
  )
  expect(program.steps).toBe(3)
  const grads = [
    [1, 2, 3],
    [-1, 0, 1],
    [0.1, 0.1, 0.1],
  ]
  const state = [f64([1, 2, 3]), f64([0, 0, 0]), f64([0, 0, 0])]
  for (const [i, grad] of grads.entries())
    program.run(state[0], f64(grad), state[1], state[2], f64([...pack(rule.scalars(0.01, i + 1))]))
  expect(await read(state[0])).toEqual((await follow(rule, [1, 2, 3], grads, 0.01, 0.1)).value)
})

test('options that exclude one another', () => {
  expect(() => sgd({ nesterov: true })).toThrow(/nesterov needs a momentum/)
  expect(() => sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 })).toThrow(/no dampening/)
  expect(() => adamw({ betas: [0.9, 1] })).toThrow(/betas must be from 0 to below 1/)
})

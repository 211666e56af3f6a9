import * as s from '@scanline/tensor'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile, formatGraph, type Program, passes, trace } from '../src/index.js'

const device = new s.ReferenceBackend()
const f64 = { device, dtype: 'f64' } as const
const spec = (...shape: number[]) => ({ shape, dtype: 'f64' as const })

const seeded = (shape: readonly number[], seed: number): s.Tensor => {
  const random = new s.Generator(seed)
  return s.tensor(
    Float64Array.from({ length: s.sizeOf(shape) }, () => random.normal()),
    { ...f64, shape },
  )
}

/** A gated block: the first `h` channels of fc1 gate, the last `c` are convolved, the rest pass. */
function gatedBlock(dim: number, h: number, c: number, layerScale: boolean): (x: s.Tensor) => s.Tensor {
  const [nw, nb] = [seeded([dim], 1), seeded([dim], 2)]
  const [w1, b1] = [seeded([2 * h, dim], 3), seeded([2 * h], 4)]
  const [wc, bc] = [seeded([c, 1, 3, 3], 5), seeded([c], 6)]
  const [w2, b2] = [seeded([dim, h], 7), seeded([dim], 8)]
  const gamma = seeded([dim], 9)
  return (x) => {
    const y = s.add(s.matmul(s.layerNorm(x, nw, nb, 1e-6), s.transpose(w1)), b1)
    const [gate, pass, value] = s.split(y, [h, h - c, c])
    const mixed = s.concat([pass, s.conv2d(value, wc, bc, { groups: c, padding: 1 })])
    const out = s.add(s.matmul(s.mul(s.gelu(gate), mixed), s.transpose(w2)), b2)
    return s.add(x, layerScale ? s.mul(out, gamma) : out)
  }
}

const ops = (program: Program): string[] => [...program.toString().matchAll(/^ +\d+ {2}(\w+)/gm)].map((m) => m[1])

async function agree(f: (...x: s.Tensor[]) => s.Tensor, inputs: s.Tensor[]): Promise<Program<s.Tensor>> {
  const expected = (await f(...inputs).data()) as Float64Array
  const scale = Math.max(1, ...expected.map(Math.abs))
  for (const optimize of [false, true]) {
    const program = await compile(f, inputs, { device, optimize })
    const [first, second] = [program.run(...inputs), program.run(...inputs)]
    for (const result of [first, second]) {
      const values = (await result.data()) as Float64Array
      expect(values.length).toBe(expected.length)
      expect(Math.max(0, ...values.map((v, i) => Math.abs(v - expected[i]))) / scale).toBeLessThan(1e-12)
    }
    if (optimize) return program
    program.dispose()
  }
  throw new Error('unreachable')
}

describe('a gated block', () => {
  test('with every channel convolved becomes five kernels', async () => {
    const program = await agree(gatedBlock(4, 6, 6, true), [seeded([2, 5, 4, 4], 10)])
    expect(ops(program)).toEqual(['layerNorm', 'matmul', 'depthwiseConv2d', 'matmul', 'matmul'])
    expect(program.toString()).toContain('erf')
  })
  test('with part of the channels convolved keeps its concatenation', async () => {
    const program = await agree(gatedBlock(4, 6, 2, false), [seeded([1, 3, 4, 4], 10)])
    expect(ops(program)).toContain('concat')
    expect(ops(program)).not.toContain('slice')
  })
})

test('every pass keeps the function', async () => {
  const x = seeded([1, 3, 3, 4], 10)
  const f = gatedBlock(4, 6, 6, true)
  const expected = await f(x).data()
  let { graph } = trace(f, [x], device)
  for (const pass of passes) {
    const before = formatGraph(graph)
    graph = pass.run(graph)
    const values = new Map<number, s.Tensor>([[graph.inputs[0], x]])
    const read = (v: number): s.Tensor => values.get(v) ?? graph.constants.get(v)!
    for (const node of graph.nodes) {
      const outputs = s.apply(node.op, node.inputs.map(read), node.attrs)
      node.outputs.forEach((v, i) => {
        values.set(v, outputs[i])
      })
    }
    const result = (await read(graph.outputs[0]).data()) as Float64Array
    result.forEach((v, i) => {
      expect(v, `${pass.name}\n${before}\n${formatGraph(graph)}`).toBeCloseTo(Number(expected[i]), 10)
    })
  }
})

describe('programs', () => {
  test('give trees back as the function made them', async () => {
    const program = await compile((x) => ({ twice: s.mul(x, 2), list: [x, s.transpose(x)], label: 'a' }), [spec(2, 3)], {
      device,
    })
    const x = seeded([2, 3], 1)
    const { twice, list, label } = program.run(x)
    expect(label).toBe('a')
    expect(await twice.data()).toEqual(((await x.data()) as Float64Array).map((v) => 2 * v))
    expect(await list[0].data()).toEqual(await x.data())
    expect(await list[1].data()).toEqual(await s.transpose(x).data())
  })

  test('return the same value twice in two buffers', async () => {
    const program = await compile(
      (x) => {
        const y = s.add(x, 1)
        return [y, y, s.slice(y, 0, 1, 3)]
      },
      [spec(4)],
      { device },
    )
    const [a, b, c] = program.run(seeded([4], 1))
    a.dispose()
    expect((await b.data()).slice(1, 3)).toEqual(await c.data())
  })

  test('hold a gradient step: forward, backward and update in one', async () => {
    const step = (w: s.Tensor, x: s.Tensor): [s.Tensor, s.Tensor] => {
      const { value, grads } = s.valueAndGrad(() => s.mean(s.square(s.gelu(s.matmul(x, w)))), [w])
      return [value, s.sub(w, s.mul(grads[0], 0.1))]
    }
    const [w, x] = [seeded([3, 2], 1), seeded([5, 3], 2)]
    const program = await compile(step, [w, x], { device })
    const [loss, next] = program.run(w, x)
    const [expectedLoss, expectedNext] = step(w, x)
    expect(await loss.item()).toBeCloseTo(await expectedLoss.item(), 12)
    const values = (await next.data()) as Float64Array
    ;((await expectedNext.data()) as Float64Array).forEach((v, i) => {
      expect(values[i]).toBeCloseTo(v, 12)
    })
  })

  test('refuse to be differentiated from outside, where the gradient would be zero', async () => {
    const [w, x, other] = [seeded([3, 2], 1), seeded([5, 3], 2), seeded([1], 3)]
    const program = await compile((y) => s.mean(s.matmul(y, w)), [x], { device })
    expect(() => s.valueAndGrad(() => program.run(x), [x])).toThrow(s.ArgumentError)
    expect(() => s.valueAndGrad(() => program.run(x), [w])).toThrow(/compile a function that calls valueAndGrad/)
    expect(() => s.valueAndGrad(() => s.mean(program.run(s.mul(x, other))), [other])).toThrow(s.ArgumentError)
    // A teacher, say: nothing that goes in is differentiated.
    const { grads } = s.valueAndGrad(() => s.mean(s.mul(program.run(x), other)), [other])
    expect(await grads[0].item()).toBeCloseTo(await program.run(x).item(), 12)
    const within = await compile((y) => s.valueAndGrad(() => s.mean(s.square(y)), [y]).grads[0], [x], { device })
    expect(await within.run(x).data()).not.toEqual(new Float64Array(15))
  })

  test('refuse other shapes, a disposed program and foreign tensors, saying what to do', async () => {
    const program = await compile((x) => s.mul(x, 2), [spec(2)], { device })
    expect(() => program.run(seeded([3], 1))).toThrow(/compiled for \(f64\[2\]\) and got \(f64\[3\]\)/)
    expect(() => program.run(s.zeros([2], { device: new s.ReferenceBackend(), dtype: 'f64' }))).toThrow(s.DeviceError)
    program.dispose()
    expect(() => program.run(seeded([2], 1))).toThrow(s.DisposedError)
  })

  test('are refused for shapes and element types that there are not', async () => {
    for (const shape of [[-1, 3], [1.5], [Number.NaN]])
      await expect(compile((x) => x, [spec(...shape)], { device })).rejects.toThrow(s.ShapeError)
    await expect(compile((x) => x, [{ shape: [1], dtype: 'float32' as 'f32' }], { device })).rejects.toThrow(s.DTypeError)
  })

  test('have no numbers while they are traced', async () => {
    const { graph } = trace((x) => x, [spec(1)], device)
    expect(formatGraph(graph)).toBe('inputs v0 f64[1]\noutputs v0')
    let leaked: s.Tensor | undefined
    trace(
      (x) => {
        leaked = s.add(x, 1)
        return leaked
      },
      [spec(1)],
      device,
    )
    await expect(leaked!.data()).rejects.toThrow(/has no numbers yet/)
  })

  test('free what they hold', async () => {
    const device = new s.ReferenceBackend()
    const before = device.memory().buffers
    const weight = s.tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device },
    )
    const program = await compile((x) => s.gelu(s.matmul(x, s.transpose(weight))), [{ shape: [3, 2], dtype: 'f32' }], { device })
    weight.dispose()
    using x = s.tensor(new Float32Array(6).fill(1), { shape: [3, 2], device })
    program.run(x).dispose()
    const held = device.memory().buffers
    program.run(x).dispose()
    expect(device.memory().buffers).toBe(held)
    program.dispose()
    expect(device.memory().buffers).toBe(before + 1)
  })
})

test('whole numbers and booleans are what they are stored as, fused or not', async () => {
  const x = s.tensor([1, 3, 5, 7], { device, dtype: 'i32' })
  const halves = (x: s.Tensor): s.Tensor => s.mul(s.mul(x, 0.5), seeded([4], 1))
  const both = (x: s.Tensor): s.Tensor => s.mul(s.add(s.less(x, 4), s.less(x, 6)), seeded([4], 1))
  for (const f of [halves, both]) {
    const program = await compile(f, [x], { device })
    expect(await program.run(x).data()).toEqual(await f(x).data())
  }
})

test('a factor in another type than the product it scales stays a step of its own', async () => {
  const product = s.expression((e) => e.binary('mul', e.input(0), e.input(1)))
  const w = seeded([3, 4], 1)
  const f = (x: s.Tensor): s.Tensor => s.pointwise(product, [s.matmul(x, w), s.tensor([0.5, 1, 2, 3], { device })], 'i32')
  const x = seeded([5, 3], 2)
  const program = await compile(f, [x], { device })
  expect(program.outputs[0].dtype).toBe('i32')
  expect(await program.run(x).data()).toEqual(await f(x).data())
})

test('values read by several nodes that become one are computed within it', async () => {
  const program = await agree(
    (x) => {
      const y = s.add(x, 1)
      return s.mul(y, s.mul(s.sigmoid(y), s.exp(y)))
    },
    [seeded([5], 1)],
  )
  expect(ops(program)).toEqual(['pointwise'])
})

test('pointwise chains of any form keep their values', async () => {
  const unary = [s.neg, s.abs, s.sigmoid, s.gelu, (x: s.Tensor) => s.clamp(x, -1, 1), (x: s.Tensor) => s.transpose(x)]
  const binary = [s.add, s.sub, s.mul, s.maximum]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { minLength: 1, maxLength: 8 }), async (program) => {
      const f = (x: s.Tensor): s.Tensor => {
        const values = [x, s.reshape(seeded([3], 5), [3, 1])]
        for (const [kind, i, j] of program) {
          const [a, b] = [values[i % values.length], values[j % values.length]]
          values.push(kind % 2 ? unary[(kind >> 1) % unary.length](a) : binary[(kind >> 1) % binary.length](a, b))
        }
        return values[values.length - 1]
      }
      const x = seeded([3, 3], 1)
      ;(await agree(f, [x])).dispose()
    }),
    { numRuns: 60 },
  )
})

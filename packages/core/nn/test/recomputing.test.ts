import {
  add,
  Generator,
  gelu,
  mean,
  RandomStreams,
  ReferenceBackend,
  scope,
  square,
  type Tensor,
  tensor,
  valueAndGrad,
} from '@scanline/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BatchNorm1d, DropPath, Linear, Module, type ModuleOptions, recomputing } from '../src/index.js'

const device = new ReferenceBackend()

/** Random masks, running statistics, a captured parameter, and two streams in and out. */
class Block extends Module {
  readonly norm: BatchNorm1d
  readonly fc: Linear
  readonly drop = new DropPath(0.5)
  constructor(dim: number, options: ModuleOptions) {
    super()
    this.norm = new BatchNorm1d(dim, options)
    this.fc = new Linear(dim, dim, options)
  }
  forward(streams: { readonly x: Tensor; readonly sum: Tensor }, random?: RandomStreams) {
    return this.forwardBranch(streams, random)
  }
  forwardBranch({ x, sum }: { readonly x: Tensor; readonly sum: Tensor }, random?: RandomStreams) {
    return scope(() => {
      const y = this.drop.forward(gelu(this.fc.forward(this.norm.forward(x))), random)
      return { x: y, sum: add(sum, y) }
    })
  }
}

class Net extends Module {
  readonly blocks: Block[]
  constructor(depth: number, options: ModuleOptions) {
    super()
    this.blocks = Array.from({ length: depth }, () => new Block(4, options))
  }
  forward(x: Tensor, random: RandomStreams): Tensor {
    return scope(() => {
      let state = { x, sum: x }
      for (const [i, block] of this.blocks.entries())
        state = i % 2 === 0 ? block.forward(state, random) : block.forwardBranch(state, random)
      return mean(square(state.sum))
    })
  }
}

async function gradients(depth: number, which: (net: Net) => readonly Module[]) {
  const generator = new Generator(7)
  using net = new Net(depth, { device, dtype: 'f64', generator })
  const x = tensor(
    Float64Array.from({ length: 24 }, () => generator.normal()),
    { shape: [6, 4], device, dtype: 'f64' },
  )
  const key = generator.key(device)
  const { value, grads } = recomputing(which(net), () =>
    valueAndGrad(() => net.forward(x, new RandomStreams(key)), [x, ...net.parameters()]),
  )
  const numbers = await Promise.all([value, ...grads].map(async (t) => [...((await t.data()) as Float64Array)]))
  const state = await Promise.all(
    [...net.stateDict()].map(async ([name, t]) => [name, [...(await t.data())].map(Number)] as const),
  )
  return { numbers, state }
}

/** Equal but for the order in which gradients are summed. */
async function expectSame(depth: number, which: (net: Net) => readonly Module[]): Promise<void> {
  const [again, kept] = [await gradients(depth, which), await gradients(depth, () => [])]
  expect(again.state).toEqual(kept.state)
  for (const [i, row] of kept.numbers.entries())
    for (const [j, value] of row.entries()) expect(again.numbers[i][j]).toBeCloseTo(value, 12)
}

test('gradients and running statistics are those of a run that keeps everything', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.subarray([0, 1, 2]), async (depth, chosen) => {
      await expectSame(depth, ({ blocks }) => blocks.filter((_, i) => chosen.includes(i)))
    }),
    { numRuns: 12 },
  )
})

test('a whole network within which blocks are recomputed too', () => expectSame(2, (net) => [net, ...net.blocks]))

test('modules are as before afterwards, whatever happens', () => {
  using net = new Net(1, { device, generator: new Generator(1) })
  const before = Object.keys(net.blocks[0])
  expect(() =>
    recomputing(net.blocks, () => {
      expect(Object.keys(net.blocks[0])).toEqual(before)
      throw new Error('stop')
    }),
  ).toThrow('stop')
  expect(Object.getOwnPropertyDescriptor(net.blocks[0], 'forward')).toBeUndefined()
})

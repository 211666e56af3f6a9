import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatedCnnBlock } from '@scanline/gated-cnn'
import { BatchNorm2d, Conv2d, Linear, Module } from '@scanline/nn'
import {
  add,
  concat,
  Generator,
  gelu,
  geluTanh,
  mul,
  ReferenceBackend,
  relu,
  reshape,
  scope,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  uniform,
  zeros,
} from '@scanline/tensor'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decode, exportOnnx, OnnxExportError, type OnnxModel, onnxBytes } from '../src/index.js'
import { saveOnnx } from '../src/node.js'
import { difference, numbers, openSession, runSession } from './setup.js'

const device = new ReferenceBackend()

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'scanline-onnx-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

class Net extends Module {
  readonly stem: Conv2d
  readonly norm: BatchNorm2d
  readonly head: Linear
  constructor() {
    super()
    const options = { device, generator: new Generator(1) }
    this.stem = new Conv2d(3, 8, 3, { padding: 1, ...options })
    this.norm = new BatchNorm2d(8, options)
    this.head = new Linear(8, 5, options)
  }
  forward(x: Tensor): Tensor {
    return scope(() => {
      const y = relu(this.norm.forward(this.stem.forward(x)))
      return this.head.forward(sum(y, [1, 2]))
    })
  }
}

const image = [{ shape: [1, 6, 6, 3], dtype: 'f32' }] as const
const names = ({ graph }: OnnxModel): string[] => graph.initializers.map(({ name }) => name)
const ops = ({ graph }: OnnxModel): string[] => graph.nodes.map(({ op }) => op)

/** What a file gives for one input, and what the function itself does. */
async function bothWays(f: (x: Tensor) => Tensor, model: OnnxModel, shape: readonly number[]) {
  const values = numbers(shape, 5)
  const session = await openSession(onnxBytes(model))
  const [got] = await runSession(session, [{ shape, values }])
  await session.release()
  using x = tensor(values, { shape, device })
  using y = f(x)
  return { got, want: { dims: y.shape, values: (await y.data()) as Float32Array } }
}

describe('the file', () => {
  it('names inputs, outputs, nodes and weights, and says who made it', async () => {
    const net = new Net().eval()
    const model = await exportOnnx(net, [{ ...image[0], name: 'image' }], {
      outputNames: ['logits'],
      metadata: { labels: 'a,b' },
    })
    // Batch norm went into the convolution; the linear layer's product wants its weight the other way round.
    expect(names(model).slice(0, 4).sort()).toEqual(['head.bias', 'head.weight.T', 'stem.bias_folded', 'stem.weight_folded'])
    expect(ops(model)).toEqual(['Conv', 'Relu', 'ReduceSum', 'Reshape', 'MatMul', 'Add'])
    expect(model.graph.nodes.map(({ name }) => name)).toContain('/head/MatMul')
    const file = decode('ModelProto', onnxBytes(model))
    expect(file).toMatchObject({ producerName: 'scanline', irVersion: 9n, metadataProps: [{ key: 'labels', value: 'a,b' }] })
    expect(file.opsetImport).toMatchObject([{ version: 20n }])
    expect(file.graph).toMatchObject({ name: 'Net', input: [{ name: 'image' }], output: [{ name: 'logits' }] })
    const session = await openSession(onnxBytes(model))
    expect([session.inputNames, session.outputNames]).toEqual([['image'], ['logits']])
    await session.release()
  })

  it('has weights of their own names and elements where nothing is folded', async () => {
    const block = new GatedCnnBlock(8, { device, generator: new Generator(2) }).eval()
    const model = await exportOnnx(block, [{ shape: [1, 5, 5, 8], dtype: 'f32' }])
    for (const name of ['norm.weight', 'norm.bias', 'conv.weight', 'conv.bias', 'fc1.bias', 'fc2.bias']) {
      const written = model.graph.initializers.find((constant) => constant.name === name)!
      const values = (await block.stateDict().get(name)!.data()) as Float32Array
      expect(Array.from(new Float32Array(written.bytes.slice().buffer))).toEqual(Array.from(values))
    }
  })

  it('keeps a stack of convolutions channels first: no transposing between, none at the ends', async () => {
    const options = { device, generator: new Generator(4), padding: 1 }
    const [a, b] = [new Conv2d(3, 4, 3, options), new Conv2d(4, 4, 3, { ...options, groups: 4 })]
    const stack = (x: Tensor): Tensor => {
      const y = relu(a.forward(x))
      return add(y, concat([slice(b.forward(y), -1, 0, 2), slice(y, -1, 2, 4)]))
    }
    const model = await exportOnnx(stack, image, { device })
    expect(ops(model)).not.toContain('Transpose')
    const last = await exportOnnx(stack, image, { device, layout: 'NHWC' })
    expect(ops(last).filter((op) => op === 'Transpose')).toHaveLength(2)
    const { got, want } = await bothWays(stack, last, [2, 6, 6, 3])
    expect(difference(got.values, want.values)).toBeLessThan(1e-6)
  })

  it('is the same function with every opset', async () => {
    const f = (x: Tensor): Tensor => softmax(add(gelu(x), geluTanh(sum(x, [1], true))))
    for (const opset of [17, 18, 20, 22]) {
      const model = await exportOnnx(f, [{ shape: [1, 4, 7], dtype: 'f32' }], { device, opset })
      expect(ops(model).includes('Gelu')).toBe(opset >= 20)
      const { got, want } = await bothWays(f, model, [3, 4, 7])
      expect(got.dims).toEqual(want.dims)
      expect(difference(got.values, want.values)).toBeLessThan(1e-6)
    }
  })

  it('takes several inputs, and gives results that are inputs or constants', async () => {
    const one = tensor([1, 2], { device })
    const model = await exportOnnx((a, b) => ({ a, sum: add(a, b), one }), [image[0], image[0]], {
      device,
      layout: 'NHWC',
      dynamicBatch: false,
    })
    const session = await openSession(onnxBytes(model))
    expect(session.inputNames).toEqual(['input_0', 'input_1'])
    const values = numbers(image[0].shape, 1)
    const fed = { shape: image[0].shape, values }
    const [a, total, constant] = await runSession(session, [fed, fed])
    expect(a.values).toEqual(values)
    expect(total.values).toEqual(values.map((v) => v + v))
    expect(Array.from(constant.values)).toEqual([1, 2])
    await session.release()
  })

  it('reports how many constants are read', async () => {
    const seen: number[] = []
    await exportOnnx(new Net().eval(), image, { onProgress: (done, total) => seen.push(done / total) })
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual([...seen].sort((x, y) => x - y))
  })
})

describe('the batch', () => {
  it('may be of any size, also where it is merged with other axes', async () => {
    const token = new Linear(4, 4, { device, generator: new Generator(1) })
    const start = tensor([1, 2, 3, 4], { device, shape: [1, 1, 4] })
    const f = (x: Tensor): Tensor => {
      const [n] = x.shape
      const windows = reshape(x, [n * 3, 2, 4])
      const tokens = concat([zeros([n * 3, 1, 4], { device }), add(windows, start)], 1)
      return reshape(softmax(token.forward(tokens)), [n, 3, 3, 4])
    }
    const model = await exportOnnx(f, [{ shape: [1, 6, 4], dtype: 'f32' }], { device, layout: 'NHWC' })
    for (const batch of [1, 2, 5]) {
      const { got, want } = await bothWays(f, model, [batch, 6, 4])
      expect(got.dims).toEqual(want.dims)
      expect(difference(got.values, want.values)).toBeLessThan(1e-6)
    }
    expect(decode('ModelProto', onnxBytes(model)).graph!.input![0].type!.tensorType!.shape!.dim![0]).toMatchObject({
      dimParam: 'batch',
    })
  })

  it('can be fixed, and then functions may depend on it', async () => {
    const weights = tensor([1, 2, 3], { device, shape: [3, 1] })
    const f = (x: Tensor): Tensor => mul(x, weights)
    const input = [{ shape: [3, 2], dtype: 'f32' }] as const
    const { got, want } = await bothWays(f, await exportOnnx(f, input, { device, dynamicBatch: false }), [3, 2])
    expect(got).toEqual(want)
  })

  it.each([
    ['a constant', (x: Tensor) => concat([x, zeros([x.shape[0], 2], { device })]), undefined],
    [
      'a constant of other elements',
      (x: Tensor) =>
        concat([
          x,
          tensor(
            new Float32Array(2 * x.shape[0]).map((_, i) => i),
            { device, shape: [x.shape[0], 2] },
          ),
        ]),
      /fixed number of images/,
    ],
    ['part of the batch', (x: Tensor) => slice(x, 0, 0, x.shape[0] - 1), /in proportion/],
    ['one image of it', (x: Tensor) => slice(x, 0, 0, 1), /number is not known/],
    ['the number itself', (x: Tensor) => mul(x, x.shape[0]), /depends on the number of images/],
  ])('%s', async (_, f, message) => {
    const exported = exportOnnx(f, [{ shape: [1, 2], dtype: 'f32' }], { device })
    if (!message) return expect((await exported).graph.nodes.length).toBeGreaterThan(0)
    await expect(exported).rejects.toThrow(OnnxExportError)
    await expect(exported).rejects.toThrow(message)
    await expect(exported).rejects.toThrow('dynamicBatch: false')
  })
})

describe('saving', () => {
  it('puts the weights of a large model into a file beside it', async () => {
    const folder = await temporaryFolder()
    const block = new GatedCnnBlock(32, { device, generator: new Generator(2) }).eval()
    const model = await exportOnnx(block, [{ shape: [1, 5, 5, 32], dtype: 'f32' }], { layout: 'NHWC' })
    const whole = await saveOnnx(join(folder, 'whole.onnx'), model)
    expect(whole.data).toBeUndefined()
    expect(await readFile(whole.path)).toEqual(Buffer.from(onnxBytes(model)))
    const parted = await saveOnnx(join(folder, 'parted.onnx'), model, { largestFile: 0 })
    expect((await readdir(folder)).sort()).toEqual(['parted.onnx', 'parted.onnx.data', 'whole.onnx'])
    expect((await stat(parted.path)).size).toBeLessThan(20_000)
    expect((await stat(parted.path)).size + (await stat(parted.data!)).size).toBe(parted.bytes)
    const values = numbers([2, 5, 5, 32], 1)
    const results: Float32Array[] = []
    for (const path of [whole.path, parted.path]) {
      const session = await openSession(path)
      results.push((await runSession(session, [{ shape: [2, 5, 5, 32], values }]))[0].values)
      await session.release()
    }
    expect(results[1]).toEqual(results[0])
  })

  it('leaves nothing behind when it cannot write', async () => {
    const folder = await temporaryFolder()
    const model = await exportOnnx(new Net().eval(), image)
    await expect(saveOnnx(join(folder, 'no', 'model.onnx'), model)).rejects.toThrow('ENOENT')
    expect(await readdir(folder)).toEqual([])
  })
})

describe('errors', () => {
  it('names the op, its shapes and what to do', async () => {
    const drawn = exportOnnx((k) => uniform(k, [2, 3]), [{ shape: [2], dtype: 'i32' }], { device, dynamicBatch: false })
    await expect(drawn).rejects.toThrow(
      /uniform\(i32\[2\]\) cannot be written as ONNX of opset 20.*no lowering.*Write it with other ops/,
    )
  })

  it('refuses training mode, unknown opsets, names that do not fit, and functions without a device', async () => {
    const net = new Net()
    await expect(exportOnnx(net, image)).rejects.toThrow('Net is in training mode; call eval()')
    net.eval()
    await expect(exportOnnx(net, image, { opset: 16 })).rejects.toThrow('opset 16 cannot be written; use 17 to 22')
    await expect(exportOnnx(net, image, { outputNames: ['a', 'b'] })).rejects.toThrow(
      '2 output names do not fit a function with 1',
    )
    await expect(exportOnnx(net, image, { outputNames: ['input'] })).rejects.toThrow('"input" names two inputs or outputs')
    await expect(exportOnnx((x) => x, image)).rejects.toThrow('needs { device }')
  })

  it('frees what it held, also after an error', async () => {
    const own = new ReferenceBackend()
    const block = new GatedCnnBlock(8, { device: own, generator: new Generator(2) }).eval()
    const before = own.memory()
    await exportOnnx(block, [{ shape: [1, 5, 5, 8], dtype: 'f32' }])
    await exportOnnx((x) => uniform(x, [2]), [{ shape: [2], dtype: 'i32' }], { device: own, dynamicBatch: false }).catch(() => {})
    expect(own.memory()).toEqual(before)
    block.dispose()
  })
})

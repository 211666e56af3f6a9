import { compile, trace } from '@scanline/compile'
import {
  add,
  concat,
  mean,
  mul,
  ReferenceBackend,
  reshape,
  slice,
  sum,
  type Tensor,
  tanh,
  tensor,
  transpose,
} from '@scanline/tensor'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { type KernelShape, kernelData, kernelFunction, kernelName, someNumbers } from '../src/kernels.js'
import { channelsFirst, channelsLast, onnxKernel } from '../src/onnx/kernel.js'
import { writeOnnx } from '../src/onnx/model.js'
import { onnxOfGraph, onnxOfModel } from '../src/onnx/trace.js'
import { difference } from '../src/run.js'
import { openModel } from '../src/subjects/model.js'

async function runOnnx(model: Uint8Array, shape: readonly number[], values: Float32Array): Promise<Float32Array> {
  const session = await InferenceSession.create(model, { executionProviders: ['wasm'] })
  const results = await session.run({ x: new OrtTensor('float32', values, shape) })
  const data = Float32Array.from(results[session.outputNames[0]].data as Float32Array)
  await session.release()
  return data
}

async function runScanline(f: (x: Tensor) => Tensor, device: ReferenceBackend, shape: readonly number[], values: Float32Array) {
  using program = await compile(f, [{ shape, dtype: 'f32' }], { device })
  using x = tensor(values, { shape, device })
  using y = program.run(x)
  return (await y.data()) as Float32Array
}

const shapes: readonly KernelShape[] = [
  { op: 'matmul', m: 5, k: 7, n: 9 },
  { op: 'depthwise', size: 9, channels: 6, kernel: 7 },
  { op: 'conv2d', size: 10, channels: 3, filters: 5, kernel: 3, stride: 2 },
  { op: 'layerNorm', rows: 4, columns: 12 },
  { op: 'gelu', rows: 3, columns: 11 },
  { op: 'softmax', rows: 3, columns: 8 },
]

describe('kernels as ONNX', () => {
  it.each(shapes.map((shape) => [kernelName(shape), shape] as const))('%s gives what Scanline gives', async (_, shape) => {
    const device = new ReferenceBackend()
    const [input] = kernelData(shape)
    const expected = await runScanline(kernelFunction(shape, device), device, input.shape, input.values)
    const kernel = onnxKernel(shape, 3)
    const values = kernel.channelsFirst ? channelsFirst(input.values, input.shape) : input.values
    const y = await runOnnx(writeOnnx(kernel.graph), kernel.graph.inputs[0].shape, values)
    const found = kernel.channelsFirst ? channelsLast(y, kernel.graph.outputs[0].shape) : y
    expect(difference(found, expected)).toBeLessThan(1e-6)
  })
})

describe('traced graphs as ONNX', () => {
  it('writes views, reductions, concatenations and expressions', async () => {
    const device = new ReferenceBackend()
    const w = tensor(someNumbers([3, 4], 5).values, { shape: [3, 4], device })
    const f = (x: Tensor): Tensor => {
      const t = transpose(reshape(x, [2, 3, 4]))
      const left = slice(t, 1, 1, 4, 2)
      const right = mul(tanh(slice(x, -1, 0, 3)), 2)
      return concat([mean(left, [1], true), sum(mul(t, transpose(w)), [1], true), reshape(add(right, 1), [2, 1, 9])].map(flat))
    }
    const flat = (x: Tensor): Tensor => reshape(x, [2, -1])
    const { shape, values } = someNumbers([2, 3, 4], 3)
    const { graph } = trace(f, [{ shape, dtype: 'f32' }], device)
    const expected = await runScanline(f, device, shape, values)
    expect(difference(await runOnnx(writeOnnx(await onnxOfGraph(graph)), shape, values), expected)).toBeLessThan(1e-6)
  })

  it('writes a whole model', async () => {
    const what = { kind: 'model', model: 'test_mambaout', size: 50, batch: 2 } as const
    const subject = await openModel(what, { name: 'scanline', device: 'wasm', threads: 1 })
    const { shape, values } = someNumbers([2, 50, 50, 3], 1)
    expect(difference(await runOnnx(await onnxOfModel(what), shape, values), await subject.output())).toBeLessThan(1e-4)
    await subject.close()
  })

  it('names an op that it cannot write', async () => {
    const device = new ReferenceBackend()
    const { graph } = trace((x) => add(mul(x, x), sum(x)), [{ shape: [2], dtype: 'f32' }], device)
    const node = { ...graph.nodes[0], op: { ...graph.nodes[0].op, name: 'selectiveScan' } }
    await expect(onnxOfGraph({ ...graph, nodes: [node] })).rejects.toThrow('selectiveScan is not written as ONNX')
  })
})

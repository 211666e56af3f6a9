import { compile } from '@scanline/compile'
import { onnxBytes } from '@scanline/onnx'
import { ReferenceBackend, type Tensor, tensor } from '@scanline/tensor'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web'
import { describe, expect, it } from 'vitest'
import { type KernelShape, kernelData, kernelFunction, kernelName } from '../src/kernels.js'
import { channelsFirst, channelsLast, onnxKernel } from '../src/onnx/kernel.js'
import { difference } from '../src/run.js'

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
    const y = await runOnnx(onnxBytes(kernel.model), kernel.input, values)
    const found = kernel.channelsFirst ? channelsLast(y, kernel.output) : y
    expect(difference(found, expected)).toBeLessThan(1e-6)
  })
})

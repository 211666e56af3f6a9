import type { Module } from '@scanline/nn'
import { Generator, leaves, permute, scope, sizeOf, type Tensor, type Tree, tensor } from '@scanline/tensor'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { expect } from 'vitest'
import { exportOnnx, onnxBytes } from '../src/index.js'

/** A runtime's session for a file or its bytes, on one thread, with every optimisation. */
export const openSession = (model: string | Uint8Array): Promise<InferenceSession> =>
  // Two overloads, one of which takes each.
  InferenceSession.create(model as string, { intraOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3 })

export interface Fed {
  readonly shape: readonly number[]
  readonly values: Float32Array | Int32Array
}

/** Runs a model on inputs in the order of its own; gives its outputs likewise. */
export async function runSession(
  session: InferenceSession,
  inputs: readonly Fed[],
): Promise<{ dims: readonly number[]; values: Float32Array }[]> {
  const feeds = Object.fromEntries(
    inputs.map(({ shape, values }, i) => [
      session.inputNames[i],
      values instanceof Int32Array ? new OrtTensor('int32', values, shape) : new OrtTensor('float32', values, shape),
    ]),
  )
  const results = await session.run(feeds)
  return session.outputNames.map((name) => ({ dims: results[name].dims, values: results[name].data as Float32Array }))
}

/** Standard normal numbers, the same for the same seed. */
export function numbers(shape: readonly number[], seed: number): Float32Array {
  const random = new Generator(seed)
  return Float32Array.from({ length: sizeOf(shape) }, () => random.normal())
}

/** Largest difference over the largest magnitude of what is wanted; infinite where one of both is not a number. */
export function difference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY
  let [apart, largest] = [0, 0]
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i])) continue
    if (!Number.isFinite(got[i]) || !Number.isFinite(want[i])) return Number.POSITIVE_INFINITY
    apart = Math.max(apart, Math.abs(got[i] - want[i]))
    largest = Math.max(largest, Math.abs(want[i]))
  }
  return apart === 0 ? 0 : apart / Math.max(largest, 1e-30)
}

/** Expects of a function of images the same from the runtime as on its device, for one image and for three from one file. */
export async function compareAsOnnx(module: Module, f: (x: Tensor) => Tree, size: number, opset = 20): Promise<void> {
  const { device } = module.parameters()[0]
  const onnx = await exportOnnx(f, [{ shape: [1, size, size, 3], dtype: 'f32' }], { device, module, opset })
  const session = await openSession(onnxBytes(onnx))
  for (const batch of [1, 3]) {
    using x = tensor(numbers([batch, size, size, 3], batch), { shape: [batch, size, size, 3], device })
    const first = (y: Tensor): Tensor => (y.rank === 4 ? permute(y, [0, 3, 1, 2]) : y.alias())
    const [image, ...want] = scope(() => [x, ...leaves(f(x))].map(first))
    const got = await runSession(session, [{ shape: image.shape, values: (await image.data()) as Float32Array }])
    expect(got.map(({ dims }) => dims.map(Number))).toEqual(want.map((y) => y.shape))
    for (const [i, y] of want.entries()) expect(difference(got[i].values, (await y.data()) as Float32Array)).toBeLessThan(1e-5)
    for (const y of [image, ...want]) y.dispose()
  }
  await session.release()
}

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KernelCase, ModelCase, Runner } from '../cases.js'
import { kernelData } from '../kernels.js'
import { enableFused } from '../limits/measure.js'
import { channelsFirst, channelsLast, onnxKernel } from '../onnx/kernel.js'
import { writeOnnx } from '../onnx/model.js'
import { modelInput } from '../subjects/model.js'
import { peakRss, type Subject } from '../subjects/subject.js'
import type { Peer } from './peer.js'

/** Copies of a kernel in one graph. */
const kernelCopies = 8

/** ONNX Runtime's WebAssembly build, in this Node. */
export const onnxruntimeWeb: Peer = {
  name: 'onnxruntime-web',
  about: `WASM execution provider in Node, f32, all graph optimisations; kernels in [N, C, H, W], ${kernelCopies} copies a run`,
  refuses: () => undefined,
  prepare: async (what, folder) => {
    if (what.kind === 'model')
      await writeFile(modelFile(what, folder), await (await import('../onnx/trace.js')).onnxOfModel(what))
  },
  open: (what, runner, folder) => (what.kind === 'model' ? openModel(what, runner, folder) : openKernel(what, runner)),
}

const modelFile = ({ model, size, batch }: ModelCase, folder: string): string => join(folder, `${model}-${size}-${batch}.onnx`)

async function openModel(what: ModelCase, runner: Runner, folder: string): Promise<Subject> {
  const start = performance.now()
  const { session, ort, compileMs } = await openSession(await readFile(modelFile(what, folder)), runner, 'all')
  const input = modelInput(what)
  const infer = async (): Promise<Float32Array> => {
    const results = await session.run({ x: new ort.Tensor('float32', input.values, input.shape) })
    return results[session.outputNames[0]].data as Float32Array
  }
  await infer()
  return {
    facts: { compileMs, firstResultMs: performance.now() - start, version: ort.env.versions.web! },
    repeats: 1,
    run: async () => {
      await infer()
    },
    output: infer,
    memory: () => ({ peakRss: peakRss() }),
    close: () => session.release(),
  }
}

async function openKernel({ shape }: KernelCase, runner: Runner): Promise<Subject> {
  const start = performance.now()
  const kernel = onnxKernel(shape, kernelCopies)
  // Without graph optimisation, which would find nothing to fuse and might drop the copies whose results are not read.
  const { session, ort, compileMs } = await openSession(writeOnnx(kernel.graph), runner, 'disabled')
  const [input] = kernelData(shape)
  const values = kernel.channelsFirst ? channelsFirst(input.values, input.shape) : input.values
  const [x] = kernel.graph.inputs
  const infer = async (): Promise<Float32Array> => {
    const results = await session.run({ x: new ort.Tensor('float32', values, x.shape) })
    return results[session.outputNames[0]].data as Float32Array
  }
  await infer()
  return {
    facts: { compileMs, firstResultMs: performance.now() - start, version: ort.env.versions.web! },
    repeats: kernelCopies,
    run: async () => {
      await infer()
    },
    output: async () => {
      const y = await infer()
      return kernel.channelsFirst ? channelsLast(y, kernel.graph.outputs[0].shape) : y
    },
    memory: () => ({ peakRss: peakRss() }),
    close: () => session.release(),
  }
}

async function openSession(model: Uint8Array, { threads }: Runner, graphOptimizationLevel: 'all' | 'disabled') {
  enableFused()
  const ort = await import('onnxruntime-web')
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  const start = performance.now()
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], graphOptimizationLevel })
  return { ort, session, compileMs: performance.now() - start }
}

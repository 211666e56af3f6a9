import { readFile } from 'node:fs/promises'
import { enableFused } from '../limits/measure.js'
import { onnxruntime } from './onnxruntime.js'

/** ONNX Runtime's WebAssembly build, in this Node. */
export const onnxruntimeWeb = onnxruntime({
  name: 'onnxruntime-web',
  about: 'WASM execution provider in Node',
  device: 'wasm',
  load: async (threads) => {
    enableFused()
    const { env, InferenceSession, Tensor } = await import('onnxruntime-web')
    env.wasm.numThreads = threads
    env.logLevel = 'error'
    return {
      version: env.versions.web!,
      Tensor,
      create: async (model, graphOptimizationLevel) =>
        InferenceSession.create(typeof model === 'string' ? await readFile(model) : model, {
          executionProviders: ['wasm'],
          graphOptimizationLevel,
        }),
    }
  },
})

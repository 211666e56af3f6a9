import { onnxruntime } from './onnxruntime.js'

/** ONNX Runtime's native build. */
export const onnxruntimeNode = onnxruntime({
  name: 'onnxruntime-node',
  about: 'native CPU execution provider',
  device: 'cpu',
  load: async (threads) => {
    const { env, InferenceSession, Tensor } = await import('onnxruntime-node')
    env.logLevel = 'error'
    return {
      version: env.versions.node!,
      Tensor,
      create: (model, graphOptimizationLevel) =>
        // Two overloads, one of which takes each.
        InferenceSession.create(model as string, {
          executionProviders: ['cpu'],
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          graphOptimizationLevel,
          // Errors only: it warns of every constant that nobody reads.
          logSeverityLevel: 3,
        }),
    }
  },
})

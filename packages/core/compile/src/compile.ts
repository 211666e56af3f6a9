import { type Backend, bytesPerElement, scope, sizeOf, type Tensor, type Tree, type ValueSpec } from '@scanline/tensor'
import type { Graph } from './graph.js'
import { lower } from './lower.js'
import { passes } from './passes/index.js'
import { plan } from './plan.js'
import { Program } from './program.js'
import { trace } from './trace.js'

export interface CompileOptions {
  readonly device: Backend
  /** False skips folding and fusion: every op stays a step of its own. For finding out whether a pass is to blame. */
  readonly optimize?: boolean
}

/**
 * Compiles a function for inputs of the given shapes: traces it once, folds and fuses, packs the weights it captures,
 * plans every byte, and records it on the device.
 *
 * Throws what the function throws, `UnsupportedError` for an op that the device cannot run, `OutOfMemoryError`.
 *
 * @example
 * const program = await compile((x) => model.forward(x), [{ shape: [1, 224, 224, 3], dtype: 'f32' }], { device })
 * const logits = await program.run(image).data()
 */
export async function compile<T extends Tree>(
  f: (...inputs: Tensor[]) => T,
  inputs: readonly ValueSpec[],
  { device, optimize = true }: CompileOptions,
): Promise<Program<T>> {
  const { graph, result } = trace(f, inputs, device)
  try {
    let optimized = graph
    // Passes look at constants through views; what they keep, the graph owns.
    if (optimize) {
      scope(() => {
        for (const pass of passes) optimized = pass.run(optimized)
      })
    }
    const lowered = lower(optimized)
    try {
      const spec = plan(
        lowered,
        inputs.map(({ shape, dtype }) => sizeOf(shape) * bytesPerElement[dtype]),
        device,
      )
      const recording = await device.record(spec)
      const outputs = optimized.outputs.map((v) => valueSpec(optimized, v))
      return new Program({
        backend: device,
        inputs: inputs.map(({ shape, dtype }) => ({ shape, dtype })),
        outputs,
        lowered,
        spec,
        recording,
        result,
      })
    } catch (error) {
      lowered.release()
      throw error
    }
  } finally {
    // The program holds handles of its own to what it uses.
    for (const tensor of graph.constants.values()) tensor.dispose()
  }
}

const valueSpec = (graph: Graph, value: number): ValueSpec => graph.specs[value]

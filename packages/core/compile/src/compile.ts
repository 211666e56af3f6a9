import { type Backend, bytesPerElement, scope, sizeOf, type Tensor, type Tree, type ValueSpec } from '@scanline/tensor'
import type { Graph } from './graph.js'
import { lower } from './lower.js'
import { checkOverwrites, type Overwrites } from './overwrite.js'
import { passes } from './passes/index.js'
import { inPrecision, type Precision } from './passes/precision.js'
import { plan } from './plan.js'
import { Program } from './program.js'
import { trace } from './trace.js'

/** An output and the input whose memory it takes, each by its number. */
export type InPlace = readonly [output: number, input: number]

export interface CompileOptions<T extends Tree = Tree> {
  readonly device: Backend
  /** False skips folding and fusion: every op stays a step of its own. For finding out whether a pass is to blame. */
  readonly optimize?: boolean
  /**
   * What matrix products and dense convolutions multiply in, where the device can; sums are f32 either way, and so is
   * everything else. `bf16` keeps 8 bits of each factor. Default: the device's own.
   */
  readonly precision?: Precision
  /**
   * Outputs that take the memory of an input, counted from 0 in the order of `leaves`, or a function that finds them in
   * what the traced function gave. `run` gives those results as tensors over the same memory as the inputs handed in,
   * which hold the new values from then on: for state that is replaced on every run, such as parameters in a training
   * step. Where the old value is still needed when the new one is computed, it is copied there at the end.
   */
  readonly inPlace?: readonly InPlace[] | ((result: T) => readonly InPlace[])
}

/**
 * Compiles a function for inputs of the given shapes: traces it once, folds and fuses, packs the weights it captures,
 * plans every byte, and records it on the device.
 *
 * Throws what the function throws, `ShapeError` and `DTypeError` for inputs that cannot be, `ArgumentError` for pairs of
 * `inPlace` that are none, `UnsupportedError` for an op
 * that the device cannot run, `OutOfMemoryError`.
 *
 * @example
 * const program = await compile((x) => model.forward(x), [{ shape: [1, 224, 224, 3], dtype: 'f32' }], { device })
 * const logits = await program.run(image).data()
 */
export async function compile<T extends Tree>(
  f: (...inputs: Tensor[]) => T,
  inputs: readonly ValueSpec[],
  { device, optimize = true, precision, inPlace = [] }: CompileOptions<T>,
): Promise<Program<T>> {
  const { graph, result, captured } = trace(f, inputs, device)
  const passed = optimize ? runPasses(graph) : graph
  const optimized = precision ? inPrecision(passed, precision) : passed
  const overwrites = checkedOverwrites(() => (typeof inPlace === 'function' ? inPlace(result) : inPlace), optimized)
  const lowered = lower(optimized, overwrites)
  try {
    const spec = plan(
      lowered,
      inputs.map(({ shape, dtype }) => sizeOf(shape) * bytesPerElement[dtype]),
      device,
    )
    return new Program({
      backend: device,
      inputs: inputs.map(({ shape, dtype }) => ({ shape, dtype })),
      outputs: optimized.outputs.map((v) => optimized.specs[v]),
      lowered,
      spec,
      recording: await device.record(spec),
      overwrites,
      result,
      captured: captured.map((id) => ({ id })),
    })
  } catch (error) {
    lowered.release()
    throw error
  }
}

function checkedOverwrites(pairs: () => readonly InPlace[], graph: Graph): Overwrites {
  try {
    return checkOverwrites(pairs(), graph)
  } catch (error) {
    for (const tensor of graph.constants.values()) tensor.dispose()
    throw error
  }
}

/** Frees the constants if a pass fails; the next step takes them over otherwise. */
function runPasses(graph: Graph): Graph {
  let optimized = graph
  try {
    // Passes look at constants through views; what they keep, the graph owns.
    scope(() => {
      for (const pass of passes) optimized = pass.run(optimized)
    })
    return optimized
  } catch (error) {
    for (const tensor of graph.constants.values()) tensor.dispose()
    throw error
  }
}

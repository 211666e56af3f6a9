import { type Graph, type Node, passes, trace } from '@scanline/compile'
import { type Backend, scope, type Tensor, type Tree, type ValueSpec } from '@scanline/tensor'
import { batches, type Dims, dims } from './dims.js'
import { OnnxExportError } from './errors.js'

/** A traced function whose lengths are known to depend on the number of images or not. */
export interface Traced {
  readonly graph: Graph
  dims(value: number): Dims
  /** Frees what it holds. */
  release(): void
}

/** Passes of the compiler after which a graph still has standard operators: scales and batch norms go into weights. */
const cleaning = ['drop dead code', 'simplify']
const folding = ['fold scale', 'drop dead code']

/**
 * Traces a function once, or, where the first axis of its inputs shall be free, with two batches: what differs is what
 * depends on it. `unfolded` has the same products and convolutions in the same order, with the weights as they were given.
 */
export function traceForOnnx(
  f: (...inputs: Tensor[]) => Tree,
  inputs: readonly ValueSpec[],
  backend: Backend,
  dynamicBatch: boolean,
): { readonly traced: Traced; readonly unfolded: Graph; readonly result: Tree } {
  if (!dynamicBatch) {
    const { graph, result } = trace(f, inputs, backend)
    const cleaned = run(graph, cleaning)
    return { traced: single(run(cleaned, folding)), unfolded: cleaned, result }
  }
  const [first, second] = batches.map((batch) =>
    trace(
      f,
      inputs.map(({ shape, dtype }) => ({ dtype, shape: shape.map((d, axis) => (axis === 0 ? batch : d)) })),
      backend,
    ),
  )
  try {
    const cleaned = [first, second].map(({ graph }) => run(graph, cleaning))
    const [a, b] = cleaned.map((graph) => run(graph, folding))
    return { traced: pair(a, b), unfolded: cleaned[0], result: first.result }
  } catch (error) {
    for (const { graph } of [first, second]) release(graph)
    throw error
  }
}

/** A decomposition of an op, for inputs whose specs are those of values of `outer`. */
export function traceWithin(
  outer: Traced,
  f: (...inputs: Tensor[]) => Tensor[] | undefined,
  values: readonly number[],
): Traced | undefined {
  const graphs = graphsOf(outer).map((graph) => {
    const { graph: inner, result } = trace(
      f,
      values.map((v) => graph.specs[v]),
      graph.backend,
    )
    return result && inner
  })
  const [a, b] = graphs
  if (!a) return undefined
  return b ? pair(a, b) : single(a)
}

const traces = new WeakMap<Traced, readonly Graph[]>()
const graphsOf = (traced: Traced): readonly Graph[] => traces.get(traced)!

function single(graph: Graph): Traced {
  const traced: Traced = {
    graph,
    dims: (value) => graph.specs[value].shape,
    release: () => release(graph),
  }
  traces.set(traced, [graph])
  return traced
}

function pair(a: Graph, b: Graph): Traced {
  if (!sameStructure(a.nodes, b.nodes) || a.outputs.join() !== b.outputs.join())
    throw new OnnxExportError(
      'what the function does depends on the number of images, not only on how many there are of each thing; export with { dynamicBatch: false }',
    )
  const traced: Traced = {
    graph: a,
    dims: (value) => dims(a.specs[value].shape, b.specs[value].shape),
    release: () => {
      release(a)
      release(b)
    },
  }
  traces.set(traced, [a, b])
  return traced
}

const sameStructure = (a: readonly Node[], b: readonly Node[]): boolean =>
  a.length === b.length &&
  a.every(({ op, inputs, outputs, attrs }, i) => {
    const other = b[i]
    const same = op.name === other.op.name && inputs.join() === other.inputs.join() && outputs.join() === other.outputs.join()
    // Shapes among the attributes of views follow from those of their outputs.
    return same && (op.view !== undefined || JSON.stringify(attrs) === JSON.stringify(other.attrs))
  })

// Passes look at constants through views; what they keep, the graph owns.
const run = (graph: Graph, names: readonly string[]): Graph =>
  scope(() => names.reduce((g, name) => passes.find((pass) => pass.name === name)!.run(g), graph))

function release(graph: Graph): void {
  for (const tensor of graph.constants.values()) tensor.dispose()
}

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

/** Passes of the compiler after which a graph still has standard operators: scales, batch norms and blends go into weights. */
const cleaning = ['drop dead code', 'simplify']
const folding = ['fold scale', 'fold blend', 'fold scale', 'fold skip', 'drop dead code']

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
  const batched = batches.map((batch) =>
    inputs.map(({ shape, dtype }) => ({ dtype, shape: shape.map((d, axis) => (axis === 0 ? batch : d)) })),
  )
  let result: Tree
  let unfolded: Graph | undefined
  const traced = together(
    dynamicBatch ? batched : [inputs],
    (specs) => {
      const first = trace(f, specs, backend)
      result ??= first.result
      return first.graph
    },
    (graph) => {
      const cleaned = run(graph, cleaning)
      unfolded ??= cleaned
      return run(cleaned, folding)
    },
  )
  return { traced, unfolded: unfolded!, result }
}

/** A decomposition of an op, for inputs whose specs are those of values of `outer`; undefined where there is none. */
export function traceWithin(
  outer: Traced,
  f: (...inputs: Tensor[]) => Tensor[] | undefined,
  values: readonly number[],
): Traced | undefined {
  let none = false
  const traced = together(graphsOf(outer), (graph) => {
    const inner = trace(
      f,
      values.map((v) => graph.specs[v]),
      graph.backend,
    )
    none = inner.result === undefined
    return inner.graph
  })
  if (!none) return traced
  traced.release()
  return undefined
}

/** One graph, or two for two batches, each made from one of the sources. Nothing stays allocated after an error. */
function together<T>(sources: readonly T[], make: (source: T) => Graph, finish = (graph: Graph) => graph): Traced {
  const made: Graph[] = []
  try {
    for (const source of sources) made.push(make(source))
    const [a, b] = made.map(finish)
    return b ? pair(a, b) : single(a)
  } catch (error) {
    for (const graph of made) release(graph)
    throw error
  }
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

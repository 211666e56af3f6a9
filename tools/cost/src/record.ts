import type { Module } from '@scanline/nn'
import {
  type Attrs,
  type Backend,
  leaves,
  type Op,
  scope,
  Tensor,
  type Tracer,
  type Tree,
  type ValueSpec,
} from '@scanline/tensor'
import { knownOps } from './work.js'

/** One op that a forward pass applies. */
export interface Call {
  readonly op: Op
  readonly inputs: readonly ValueSpec[]
  /** Inputs that depend on weights only. */
  readonly constant: readonly boolean[]
  readonly outputs: readonly ValueSpec[]
  readonly attrs: Attrs
  /** Of the innermost module whose `forward` makes the call: `stages.0.blocks.1.fc1`; '' for the model's own. */
  readonly path: string
}

/** One call of a module's `forward` with a tensor. */
export interface Visit {
  readonly path: string
  readonly module: Module
  readonly input: ValueSpec
  /** Tensors that it gives, in the order of their tree. */
  readonly outputs: readonly ValueSpec[]
}

export interface ForwardRecord {
  readonly calls: readonly Call[]
  readonly visits: readonly Visit[]
  /** What the model gives, in the order of its tree. */
  readonly outputs: readonly ValueSpec[]
}

const specOf = ({ shape, dtype }: ValueSpec): ValueSpec => ({ shape, dtype })

/** Writes down what is applied to its tensors, as the tracer of `@scanline/compile` does, and by which module. */
class CallRecorder implements Tracer {
  readonly backend: Backend
  readonly calls: Call[] = []
  readonly visits: Visit[] = []
  readonly path: string[] = ['']
  #values = 0

  constructor(backend: Backend) {
    this.backend = backend
  }
  tensor(spec: ValueSpec): Tensor {
    return new Tensor({ tracer: this, value: this.#values++ }, spec)
  }
  record(op: Op, inputs: readonly Tensor[], attrs: Attrs): Tensor[] {
    // An op that is nothing but a faster form of others counts as those.
    const parts = knownOps.has(op.name) ? undefined : scope(() => op.decompose?.(inputs, attrs))
    if (parts) return parts
    const outputs = op.infer(inputs, attrs).map(specOf)
    this.calls.push({
      op,
      inputs: inputs.map(specOf),
      constant: inputs.map((t) => !t.traced),
      outputs,
      attrs,
      path: this.path[this.path.length - 1],
    })
    return outputs.map((spec) => this.tensor(spec))
  }
}

/** A module whose way from input to output is one method. */
type WithForward = Module & { forward(...args: unknown[]): Tree }

/** `use` while each module's `forward` tells the recorder when it begins and ends. */
function watched<T>(model: Module, recorder: CallRecorder, use: () => T): T {
  const modules = model.namedModules().filter((entry): entry is [string, WithForward] => 'forward' in entry[1])
  for (const [path, module] of modules) {
    const { forward } = module
    module.forward = (...args) => {
      const [x] = args
      recorder.path.push(path)
      try {
        const result = forward.apply(module, args)
        if (x instanceof Tensor) recorder.visits.push({ path, module, input: specOf(x), outputs: leaves(result).map(specOf) })
        return result
      } finally {
        recorder.path.pop()
      }
    }
  }
  try {
    return use()
  } finally {
    // The method of the class again.
    for (const [, module] of modules) Reflect.deleteProperty(module, 'forward')
  }
}

/**
 * Runs `forward` once on an image without numbers and gives every op that it applies. Throws what `forward` throws, such as
 * `ShapeError` for an image that the model does not take.
 */
export function recordForward(model: Module, forward: (x: Tensor) => Tree, input: ValueSpec, backend: Backend): ForwardRecord {
  const recorder = new CallRecorder(backend)
  return watched(model, recorder, () =>
    scope(() => {
      const outputs = leaves(forward(recorder.tensor(input))).map(specOf)
      return { calls: recorder.calls, visits: recorder.visits, outputs }
    }),
  )
}

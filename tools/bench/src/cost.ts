import {
  builtinOps,
  bytesPerElement,
  type Expr,
  formatShape,
  type OpCall,
  type Step,
  sizeOf,
  type TensorSpec,
} from '@scanline/tensor'
import type { WatchedBackend } from './watched-backend.js'

/** What one step of a program costs by its shapes, whatever kernel runs it. */
export interface StepCost {
  readonly op: string
  /** Shapes, and what was fused into it. */
  readonly detail: string
  /** Floating-point operations, the epilogue's included. */
  readonly flops: number
  /** Of them those of products and convolutions: two for each multiply-add. */
  readonly multiplyAdds: number
  /** Bytes of its inputs and outputs, each element once. */
  readonly bytes: number
}

const opsByName = new Map(builtinOps.map((op) => [op.name, op]))

export function stepCost({ launch }: Step, backend: WatchedBackend): StepCost {
  const call = backend.calls.get(launch)
  if (!call) {
    return {
      op: launch.kernel,
      detail: 'lays an input out anew',
      flops: 0,
      multiplyAdds: 0,
      bytes: backend.prepared.get(launch) ?? 0,
    }
  }
  return {
    op: call.op,
    detail: describe(call),
    flops: opsByName.get(call.op)?.flops(call.inputs, call.outputs, call.attrs) ?? 0,
    multiplyAdds: multiplyAddFlops(call),
    bytes: [...call.inputs, ...call.outputs].reduce((n, spec) => n + bytesOf(spec), 0),
  }
}

/** What a whole program costs: the sum of its steps. */
export function programCost(backend: WatchedBackend): Omit<StepCost, 'op' | 'detail'> {
  const costs = (backend.program?.steps ?? []).map((step) => stepCost(step, backend))
  const sum = (of: (cost: StepCost) => number): number => costs.reduce((n, cost) => n + of(cost), 0)
  return { flops: sum((c) => c.flops), multiplyAdds: sum((c) => c.multiplyAdds), bytes: sum((c) => c.bytes) }
}

/** Elements that a broadcast repeats lie in memory once. */
const bytesOf = ({ shape, strides, dtype }: TensorSpec): number =>
  bytesPerElement[dtype] * sizeOf(shape.map((d, i) => (strides[i] === 0 ? 1 : d)))

/** Twice the multiply-adds of a product or convolution, as model cards count them; 0 for the rest. */
function multiplyAddFlops({ op, inputs: [x, w], outputs: [out] }: OpCall): number {
  const taps = (from: number): number => sizeOf(w.shape.slice(from))
  if (op === 'matmul') return 2 * sizeOf(out.shape) * x.shape[x.shape.length - 1]
  if (op === 'conv2d') return 2 * sizeOf(out.shape) * taps(1)
  if (op === 'depthwiseConv2d') return 2 * sizeOf(out.shape) * taps(2)
  return 0
}

function describe({ inputs, outputs, attrs }: OpCall): string {
  const expr = (attrs.epilogue ?? attrs.expr) as Expr | undefined
  const work = expr?.filter(([name]) => name !== 'input' && name !== 'const').map(([name]) => name) ?? []
  const heads = inputs.slice(0, attrs.epilogue ? 2 : inputs.length).map(({ shape }) => formatShape(shape))
  return `${heads.join(' ')} → ${formatShape(outputs[0].shape)}${work.length > 0 ? ` ${work.join('+')}` : ''}`
}

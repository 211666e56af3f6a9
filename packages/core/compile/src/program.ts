import {
  ArgumentError,
  type Backend,
  contiguous,
  DeviceError,
  DisposedError,
  type Expr,
  empty,
  formatExpr,
  formatShape,
  isDifferentiated,
  type ProgramSpec,
  type Recording,
  ShapeError,
  sameShape,
  scope,
  Tensor,
  type Tree,
  type ValueSpec,
  withLeaves,
} from '@scanline/tensor'
import type { Lowered } from './lower.js'
import type { Overwrites } from './overwrite.js'

export interface ProgramParts<T extends Tree> {
  readonly backend: Backend
  readonly inputs: readonly ValueSpec[]
  readonly outputs: readonly ValueSpec[]
  readonly lowered: Lowered
  readonly spec: ProgramSpec
  readonly recording: Recording
  /** Which input each of some outputs is written over. */
  readonly overwrites: Overwrites
  /** What the function returned, with traced tensors where outputs go. */
  readonly result: T
  /** The tensors that the function captured; they may be gone by now. */
  readonly captured: readonly { readonly id: number }[]
}

/**
 * A function, compiled: `run` takes tensors of the shapes it was compiled for and gives what the function gives.
 * Weights are inside, packed; the model that it came from can be disposed.
 */
export class Program<T extends Tree = Tree> {
  readonly inputs: readonly ValueSpec[]
  readonly outputs: readonly ValueSpec[]
  readonly device: Backend
  readonly #parts: ProgramParts<T>
  #disposed = false

  constructor(parts: ProgramParts<T>) {
    this.#parts = parts
    this.inputs = parts.inputs
    this.outputs = parts.outputs
    this.device = parts.backend
  }

  /**
   * Enqueues one run. The results are new tensors, which the caller frees; nothing else is allocated. Those that were
   * compiled to be `inPlace` share the memory of the input they replace.
   * Throws `ShapeError` for other shapes or types, `ArgumentError` within `valueAndGrad` of what goes in or was captured,
   * `DeviceError`, `DisposedError`, `OutOfMemoryError`, `DeviceLostError`.
   */
  run(...tensors: Tensor[]): T {
    if (this.#disposed) throw new DisposedError('this program was disposed; compile the function again')
    this.#check(tensors)
    if (isDifferentiated([...tensors, ...this.#parts.captured]))
      throw new ArgumentError(
        'a program cannot be differentiated from outside, as its steps are on no tape; call the function itself within valueAndGrad, or compile a function that calls valueAndGrad',
      )
    return scope(() => {
      const dense = tensors.map((t) => contiguous(t))
      const outputs = this.outputs.map((spec, k) => {
        const input = this.#parts.overwrites.get(k)
        return input === undefined ? empty(spec.shape, { device: this.device, dtype: spec.dtype }) : overMemoryOf(dense[input])
      })
      this.#parts.recording.run(
        dense.map((t) => t.binding),
        outputs.map((t) => t.binding),
      )
      return withLeaves(this.#parts.result, outputs)
    })
  }

  /** Floating-point operations of one run. */
  get flops(): number {
    return this.#parts.lowered.steps.reduce((n, step) => n + step.flops, 0)
  }
  get steps(): number {
    return this.#parts.spec.steps.length
  }
  /** Bytes of working memory, inputs and outputs apart. */
  get workingBytes(): number {
    return this.#parts.spec.slots.reduce((a, b) => a + b, 0)
  }
  /** Bytes of weights and other constants. */
  get constantBytes(): number {
    return this.#parts.spec.constants.reduce((n, buffer) => n + buffer.bytes, 0)
  }

  /** The program for a person to read: one line a step, with what it costs and where its result lies. */
  toString(): string {
    const { lowered, spec, backend } = this.#parts
    const head = `program on ${backend.name}: ${listed(this.inputs)} → ${listed(this.outputs)}`
    const sums = `${this.steps} steps, ${amount(this.flops)}FLOP, ${amount(this.workingBytes)}B working memory, ${amount(this.constantBytes)}B constants`
    const lines = lowered.steps.map(({ op, launch, flops, writes }, i) => {
      const names = spec.steps[i].args.map(({ from, index, offset }) =>
        from === 'slot' ? `[${offset}]` : `${from}${index}${offset ? `+${offset}` : ''}`,
      )
      const cost = flops > 0 ? `${amount(flops)}FLOP` : ''
      return `  ${String(i).padStart(3)}  ${op.padEnd(18)} ${names.slice(writes).join(', ')} ← ${names.slice(0, writes).join(', ')}  ${cost}  ${describe(launch.params)}`.trimEnd()
    })
    return [head, `  ${sums}`, ...lines].join('\n')
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#parts.recording.dispose()
    this.#parts.lowered.release()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  #check(tensors: readonly Tensor[]): void {
    const fits =
      tensors.length === this.inputs.length &&
      tensors.every((t, i) => t.dtype === this.inputs[i].dtype && sameShape(t.shape, this.inputs[i].shape))
    if (!fits)
      throw new ShapeError(
        `this program was compiled for (${listed(this.inputs)}) and got (${listed(tensors)}); compile it for these shapes too`,
      )
    const stranger = tensors.find((t) => t.device !== this.device)
    if (stranger) throw new DeviceError(`this program runs on ${this.device.name} and got ${stranger}; make its input there`)
  }
}

/** A new value in the memory of an old one. */
const overMemoryOf = ({ storage, shape, dtype, offset }: Tensor): Tensor => new Tensor(storage.retain(), { shape, dtype, offset })

const listed = (values: readonly ValueSpec[]): string => values.map((v) => `${v.dtype}${formatShape(v.shape)}`).join(', ')

function amount(n: number): string {
  const units = ['', 'k', 'M', 'G', 'T']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)))
  return `${Number((n / 1000 ** power).toPrecision(3))} ${units[power]}`
}

/** A launch's expression, if it has one: the part of its parameters that says what was fused. */
function describe(params: unknown): string {
  const expr = findExpr(params)
  return expr ? formatExpr(expr) : ''
}

function findExpr(params: unknown): Expr | undefined {
  if (params === null || typeof params !== 'object') return undefined
  const { epilogue, expr, attrs } = params as { epilogue?: Expr; expr?: Expr; attrs?: unknown }
  return epilogue ?? expr ?? findExpr(attrs)
}

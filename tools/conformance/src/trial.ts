import { type Backend, grad, type ReferenceBackend, scope, type Tensor, tensor, unscoped, type ValueSpec } from '@scanline/tensor'
import { baseShape, baseValues, runOnBases, type Sample } from '@scanline/tensor/samples'
import { read, type Values } from './compare.js'
import { scalarLoss } from './loss.js'

/** A sample on a backend: what its checks share, computed once. */
export class Trial {
  readonly sample: Sample
  readonly backend: Backend
  readonly reference: ReferenceBackend
  readonly run: (...bases: Tensor[]) => Tensor[]
  readonly #known = new Map<string, Promise<Values[]>>()
  #values: Float64Array[] | undefined

  constructor(sample: Sample, backend: Backend, reference: ReferenceBackend) {
    this.sample = sample
    this.backend = backend
    this.reference = reference
    this.run = runOnBases(sample)
  }

  /** Shapes and types of the inputs, before their views. */
  get specs(): ValueSpec[] {
    return this.sample.inputs.map((input) => ({ shape: baseShape(input), dtype: input.dtype ?? 'f32' }))
  }
  get values(): readonly Float64Array[] {
    return (this.#values ??= baseValues(this.sample))
  }
  /** The same numbers in another order: other inputs for a replay. */
  get otherValues(): Float64Array[] {
    return this.values.map((v) => v.slice().reverse())
  }
  /** Which inputs gradients are taken of. */
  get differentiable(): number[] {
    return this.specs.flatMap(({ dtype }, i) => (dtype === 'f32' ? [i] : []))
  }

  /** Inputs on a device, for the caller to free. On the reference f32 inputs are held as doubles: nothing rounds there. */
  tensors(device: Backend = this.backend, values: readonly Float64Array[] = this.values): Tensor[] {
    return unscoped(() =>
      this.specs.map(({ shape, dtype }, i) =>
        tensor(values[i], { shape, device, dtype: device === this.reference && dtype === 'f32' ? 'f64' : dtype }),
      ),
    )
  }

  /** What the reference gives for the inputs, or for others. */
  expected(values?: Float64Array[]): Promise<Values[]> {
    const compute = () => this.#eager(this.reference, this.run, values)
    return values ? compute() : this.#once('expected', compute)
  }
  /** What the backend gives, op by op. */
  eager(): Promise<Values[]> {
    return this.#once('eager', () => this.#eager(this.backend, this.run))
  }
  expectedGradients(): Promise<Values[]> {
    return this.#once('expected gradients', () => this.#eager(this.reference, this.gradients('f64')))
  }
  eagerGradients(): Promise<Values[]> {
    return this.#once('eager gradients', () => this.#eager(this.backend, this.gradients('f32')))
  }
  /** Gradients of a loss with respect to the f32 inputs, in the order of `differentiable`. */
  gradients(dtype: 'f32' | 'f64'): (...bases: Tensor[]) => Tensor[] {
    return (...bases) =>
      grad((...moving: Tensor[]) => {
        const all = [...bases]
        for (const [k, i] of this.differentiable.entries()) all[i] = moving[k]
        return scalarLoss(this.run(...all), dtype)
      })(...this.differentiable.map((i) => bases[i]))
  }

  async #eager(device: Backend, f: (...bases: Tensor[]) => Tensor[], values?: readonly Float64Array[]): Promise<Values[]> {
    const inputs = this.tensors(device, values)
    try {
      return await readAndFree(unscoped(() => scope(() => f(...inputs))))
    } finally {
      for (const t of inputs) t.dispose()
    }
  }
  #once(key: string, compute: () => Promise<Values[]>): Promise<Values[]> {
    const known = this.#known.get(key) ?? compute()
    this.#known.set(key, known)
    return known
  }
}

/** The numbers of tensors, which are freed. One tensor may appear twice. */
export async function readAndFree(tensors: readonly Tensor[]): Promise<Values[]> {
  try {
    return await Promise.all(tensors.map(read))
  } finally {
    for (const t of tensors) t.dispose()
  }
}

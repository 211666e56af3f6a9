import { compile, type Program } from '@scanline/compile'
import type { Loader } from '@scanline/datasets'
import { Average, accuracy, selectClasses } from '@scanline/metrics'
import type { Module } from '@scanline/nn'
import { type Backend, type Tensor, tensor } from '@scanline/tensor'
import { inMode, withTensors } from '@scanline/train'

/** Loss, and accuracies in percent. */
export interface Accuracy {
  readonly loss: number
  readonly top1: number
  readonly top5: number
}

export interface EvaluateOptions {
  /** Judges on these classes only; labels count among them, unless the data set has the labels of all classes. */
  readonly validLabels?: readonly number[]
  readonly labelsOfAll?: boolean
  readonly onBatch?: (images: number) => void
  /** The logits of an image by its position in the data set, after `validLabels`. */
  readonly onLogits?: (sample: number, logits: Float32Array) => void
  readonly signal?: AbortSignal
}

/** Runs a model on batches in evaluation mode, with whatever weights it is given: its own, or averaged ones. */
export class Evaluator {
  readonly #program: Program<Tensor>
  readonly #names: readonly string[]
  readonly #device: Backend
  readonly #shape: readonly [number, number, number, number]

  private constructor(program: Program<Tensor>, names: readonly string[], device: Backend, shape: Evaluator['shape']) {
    this.#program = program
    this.#names = names
    this.#device = device
    this.#shape = shape
  }
  /** `[batch, height, width, 3]`. */
  get shape(): readonly [number, number, number, number] {
    return this.#shape
  }

  /** Compiles for batches of a shape. The weights are inputs of the program, so that they may change between runs. */
  static async create(
    model: Module & { forward(x: Tensor): Tensor },
    device: Backend,
    shape: readonly [number, number, number, number],
  ): Promise<Evaluator> {
    const state = [...model.stateDict()]
    const names = state.map(([name]) => name)
    const program = await compile(
      (x, ...tensors) =>
        withTensors(model, new Map(names.map((name, i) => [name, tensors[i]!])), () =>
          inMode(model, 'evaluation', () => model.forward(x)),
        ),
      [{ shape, dtype: 'f32' }, ...state.map(([, { shape, dtype }]) => ({ shape, dtype }))],
      { device },
    )
    return new Evaluator(program, names, device, shape)
  }

  /** Judges all images of a loader, in its order. Rejects with what the loader rejects with. */
  async run(
    loader: Loader,
    weights: ReadonlyMap<string, Tensor>,
    { validLabels, labelsOfAll, onBatch, onLogits, signal }: EvaluateOptions = {},
  ): Promise<Accuracy> {
    const tensors = this.#names.map((name) => weights.get(name)!)
    const [loss, top1, top5] = [new Average(), new Average(), new Average()]
    const [batch, ...image] = this.#shape
    const values = new Float32Array(batch * image.reduce((n, d) => n * d, 1))
    for await (const { images, labels, samples } of loader.epoch(0)) {
      signal?.throwIfAborted()
      // A smaller last batch is filled up with what was there before; only its own rows are read.
      values.set(images)
      using x = tensor(values, { shape: this.#shape, device: this.#device })
      using y = this.#program.run(x, ...tensors)
      const classes = y.shape[1]!
      const all = ((await y.data()) as Float32Array).subarray(0, labels.length * classes)
      const logits = validLabels ? selectClasses(all, classes, validLabels) : all
      const width = validLabels?.length ?? classes
      const own = validLabels && labelsOfAll ? labels.map((label) => validLabels.indexOf(label)) : labels
      for (const [i, label] of own.entries()) {
        const row = logits.subarray(i * width, (i + 1) * width)
        loss.update(crossEntropy(row, label))
        onLogits?.(samples[i]!, row)
      }
      const [first, fifth] = accuracy(logits, width, own)
      top1.update(first!, labels.length)
      top5.update(fifth!, labels.length)
      onBatch?.(labels.length)
    }
    return { loss: loss.mean, top1: top1.mean, top5: top5.mean }
  }

  dispose(): void {
    this.#program.dispose()
  }
}

/** -log softmax(x)[label], in doubles. */
function crossEntropy(logits: Float32Array, label: number): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const x of logits) largest = Math.max(largest, x)
  let sum = 0
  for (const x of logits) sum += Math.exp(x - largest)
  return Math.log(sum) + largest - logits[label]!
}

import { compile, type Program } from '@scanline/compile'
import type { Module } from '@scanline/nn'
import { type EmaOptions, ema, type Optimizer, type ParameterGroup, pack } from '@scanline/optim'
import {
  ArgumentError,
  type Backend,
  type DType,
  type Generator,
  type RandomStreams,
  type Tensor,
  type Tree,
  tensor,
  type ValueSpec,
} from '@scanline/tensor'
import {
  type Clip,
  inputsBeforeState,
  type LossInput,
  type Part,
  type StepDefinition,
  type StepResult,
  scalarNames,
  stepFunction,
  stepInputs,
} from './step-function.js'
import { TrainState } from './train-state.js'

export interface TrainStepOptions<Outputs extends Tree = Tensor> {
  /** What the loss is computed from, in training mode: `model.forward` as a rule. */
  readonly forward: (images: Tensor, random: RandomStreams) => Outputs
  readonly loss: (given: LossInput<Outputs>) => Tensor
  /** Of a (micro-)batch; every one has this shape. */
  readonly images: ValueSpec
  readonly targets: ValueSpec
  readonly optimizer: Optimizer
  /** Each parameter is in one of them; see `parameterGroups`. */
  readonly groups: readonly ParameterGroup[]
  readonly clip?: Clip
  /** Keeps averaged weights beside the model's. */
  readonly average?: EmaOptions
  /** Micro-batches of an update at most: 1 unless told otherwise. */
  readonly accumulation?: number
  /** Modules whose activations are not kept but computed again; see `recomputing` of `@scanline/nn`. */
  readonly recompute?: readonly Module[]
  /** For dropout and drop path. */
  readonly random: Generator
}

export interface RunOptions {
  readonly lr: number
  /** Which of how many micro-batches of an update this is, from 0; the last one updates. One of one unless told otherwise. */
  readonly micro?: { readonly index: number; readonly of: number }
}

/**
 * A training step as one compiled program with planned memory: forward, backward, clipping, optimizer, running statistics
 * and averaged weights. The state stays where it is; the model's tensors hold the newest weights after every run.
 *
 * @example
 * const step = await TrainStep.create(model, {
 *   forward: (x, random) => model.forward(x, random),
 *   loss: ({ outputs, targets }) => crossEntropy(outputs, targets),
 *   images: { shape: [32, 224, 224, 3], dtype: 'f32' },
 *   targets: { shape: [32, 1000], dtype: 'f32' },
 *   optimizer: adamw(),
 *   groups: parameterGroups(model.namedParameters(), { weightDecay: 0.05 }),
 *   random: new Generator(0),
 * })
 * const { loss } = step.run(images, targets, { lr: 1e-3 })
 * console.log(await loss.item())
 */
export class TrainStep<Outputs extends Tree = Tensor> {
  readonly state: TrainState
  readonly random: Generator
  readonly #definition: StepDefinition<Outputs>
  readonly #options: TrainStepOptions<Outputs>
  readonly #device: Backend
  readonly #dtype: DType
  #programs: ReadonlyMap<Part, Program<StepResult & { readonly [key: string]: Tree }>> = new Map()
  #updates = 0

  /**
   * Compiles the step for a model. Throws `ArgumentError` for a parameter without a group, for numbers that cannot be, and
   * what `compile` throws.
   */
  static async create<Outputs extends Tree = Tensor>(
    model: Module,
    options: TrainStepOptions<Outputs>,
  ): Promise<TrainStep<Outputs>> {
    const step = new TrainStep(model, options)
    try {
      await step.state.startAverages()
      await step.setLoss(options.loss)
      return step
    } catch (error) {
      step.dispose()
      throw error
    }
  }

  private constructor(model: Module, options: TrainStepOptions<Outputs>) {
    const { forward, loss, optimizer, groups, clip, average, accumulation = 1, recompute = [], random } = options
    if (!(Number.isInteger(accumulation) && accumulation > 0))
      throw new ArgumentError(`accumulation is a number of micro-batches from 1, got ${accumulation}`)
    const grouped = groups.flatMap(({ parameters }) => parameters)
    const names = model.namedParameters().map(([name]) => name)
    const wrong = [
      ...names.filter((name) => !grouped.includes(name)),
      ...grouped.filter((name, i) => !names.includes(name) || grouped.indexOf(name) !== i),
    ]
    if (wrong.length > 0)
      throw new ArgumentError(
        `every parameter belongs to one group; ${wrong[0]} is in none, in two, or no parameter of the model`,
      )
    this.state = new TrainState(model, { optimizer, average: average !== undefined, accumulate: accumulation > 1 })
    this.random = random
    const [, first] = this.state.parameters[0]
    this.#device = first.device
    this.#dtype = first.dtype
    this.#options = options
    this.#definition = {
      model,
      forward,
      loss,
      optimizer,
      groups,
      recompute,
      ...(clip && { clip }),
      ...(average && { average: ema(average) }),
    }
  }

  /** Updates made so far; the optimizer counts on from here. */
  get updates(): number {
    return this.#updates
  }
  /** After restoring the state of a run that had made so many. */
  set updates(count: number) {
    if (!(Number.isSafeInteger(count) && count >= 0)) throw new ArgumentError(`updates are counted from 0, got ${count}`)
    this.#updates = count
  }
  /** The compiled programs: what they cost and need. */
  get programs(): readonly Program[] {
    return [...this.#programs.values()]
  }

  /** Compiles the step with another loss, such as one that looks at the averaged model from some epoch on. The state stays. */
  async setLoss(loss: TrainStepOptions<Outputs>['loss']): Promise<void> {
    const { images, targets, accumulation = 1 } = this.#options
    const parts: Part[] = accumulation > 1 ? ['gather', 'finish'] : ['whole']
    const definition = { ...this.#definition, loss }
    const programs = new Map<Part, Program<StepResult & { readonly [key: string]: Tree }>>()
    try {
      for (const part of parts) {
        const scalars = { shape: [scalarNames(definition, part).length], dtype: this.#dtype }
        programs.set(
          part,
          await compile(stepFunction(definition, this.state, part), stepInputs(images, targets, scalars, this.state), {
            device: this.#device,
            inPlace: ({ norm, over }) => over.map((k, i) => [i + (norm ? 2 : 1), k + inputsBeforeState] as const),
          }),
        )
      }
    } catch (error) {
      for (const program of programs.values()) program.dispose()
      throw error
    }
    for (const program of this.programs) program.dispose()
    this.#programs = programs
  }

  /**
   * Enqueues one run on a (micro-)batch. The caller frees what it gives.
   * Throws `ArgumentError` for more micro-batches than `accumulation`, and what `Program.run` throws.
   */
  run(images: Tensor, targets: Tensor, { lr, micro = { index: 0, of: 1 } }: RunOptions): StepResult {
    const { accumulation = 1 } = this.#options
    const { index, of } = micro
    if (!(Number.isInteger(index) && index >= 0 && index < of && of <= accumulation))
      throw new ArgumentError(
        `micro-batch ${index} of ${of} cannot be: this step was made for an accumulation of ${accumulation}`,
      )
    const part: Part = accumulation === 1 ? 'whole' : index === of - 1 ? 'finish' : 'gather'
    const { optimizer, average } = this.#definition
    const numbers = {
      ...(part !== 'gather' && optimizer.scalars(lr, this.#updates + 1)),
      ...(part !== 'gather' && average?.scalars(this.#updates + 1)),
      ...(part !== 'whole' && { share: 1 / of, first: index === 0 ? 1 : 0 }),
    }
    using key = this.random.key(this.#device)
    using scalars = tensor(pack(numbers), { device: this.#device, dtype: this.#dtype })
    const { loss, norm, state } = this.#programs.get(part)!.run(images, targets, key, scalars, ...this.state.tensors)
    // They lie over the state's own tensors.
    for (const replaced of state as readonly Tensor[]) replaced.dispose()
    if (part !== 'gather') this.#updates++
    return { loss, ...(norm && { norm }) }
  }

  /** Frees the programs and the state that is not the model's. */
  dispose(): void {
    for (const program of this.programs) program.dispose()
    this.#programs = new Map()
    this.state.dispose()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }
}

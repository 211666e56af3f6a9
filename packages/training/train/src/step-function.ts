import { captureBuffers, type Module, recomputing } from '@scanline/nn'
import {
  clipAdaptively,
  clipByValue,
  clipFactor,
  type Ema,
  type GradientInfo,
  globalNorm,
  type Optimizer,
  type ParameterGroup,
  unpack,
} from '@scanline/optim'
import { add, mul, RandomStreams, type Tensor, type Tree, type ValueSpec, valueAndGrad, where } from '@scanline/tensor'
import type { TrainState } from './train-state.js'
import { inMode, withTensors } from './with-tensors.js'

/** Gradients are limited: all together by their norm, each element, or each output unit against its weights. */
export interface Clip {
  readonly mode: 'norm' | 'value' | 'agc'
  readonly limit: number
}

/** What a loss is computed from. */
export interface LossInput<Outputs extends Tree = Tensor> {
  readonly outputs: Outputs
  readonly targets: Tensor
  readonly images: Tensor
  /** What the averaged weights give for these images, in evaluation mode and without gradients. */
  averaged(): Outputs
}

/** What one run of a program does: a whole update, or gradients added up, or added up and then the update. */
export type Part = 'whole' | 'gather' | 'finish'

export interface StepDefinition<Outputs extends Tree = Tensor> {
  readonly model: Module
  readonly forward: (images: Tensor, random: RandomStreams) => Outputs
  readonly loss: (given: LossInput<Outputs>) => Tensor
  readonly optimizer: Optimizer
  readonly groups: readonly ParameterGroup[]
  readonly clip?: Clip
  readonly average?: Ema
  readonly recompute: readonly Module[]
}

export interface StepResult {
  /** Before it is divided by the number of micro-batches. */
  readonly loss: Tensor
  /** Of all gradients, before clipping; where they are clipped by it. */
  readonly norm?: Tensor
}

/** `state` are new values of the tensors `over` of the training state. */
interface StepOutput extends StepResult {
  readonly [key: string]: Tree
  readonly state: readonly Tensor[]
  readonly over: readonly number[]
}

/** The numbers that a step takes besides tensors. */
export function scalarNames({ optimizer, average }: Pick<StepDefinition, 'optimizer' | 'average'>, part: Part): string[] {
  const update = part === 'gather' ? [] : Object.keys(optimizer.scalars(1, 1))
  return [...update, ...(average && part !== 'gather' ? ['decay', 'rest'] : []), ...(part === 'whole' ? [] : ['share', 'first'])]
}

/** Tensors of a step before those of the state: images, targets, random key, scalars. */
export const inputsBeforeState = 4

/** One run, as a function of images, targets, random key, scalars and the tensors of `TrainState`. */
export function stepFunction<Outputs extends Tree>(
  definition: StepDefinition<Outputs>,
  state: TrainState,
  part: Part,
): (...inputs: Tensor[]) => StepOutput {
  const { model, forward, loss, recompute } = definition
  const names = scalarNames(definition, part)
  return (images, targets, key, vector, ...tensors) => {
    const scalars = unpack(vector, names)
    const at = new Map(state.tensors.map((tensor, i) => [tensor, i]))
    const traced = (list: TrainState['parameters']) => list.map(([name, tensor]) => [name, tensors[at.get(tensor)!]] as const)
    const parameters = traced(state.parameters)
    const buffers = traced(state.buffers)
    const averages = traced(state.averages)

    const averaged = (): Outputs =>
      withTensors(model, new Map(averages), () => inMode(model, 'evaluation', () => forward(images, new RandomStreams(key))))
    let whole: Tensor | undefined
    const differentiated = (): Tensor => {
      whole = loss({ outputs: forward(images, new RandomStreams(key)), targets, images, averaged })
      return part === 'whole' ? whole : mul(whole, scalars.share)
    }
    const { result, buffers: moved } = withTensors(model, new Map([...parameters, ...buffers]), () =>
      inMode(model, 'training', () =>
        recomputing(recompute, () =>
          captureBuffers(model, () =>
            valueAndGrad(
              differentiated,
              parameters.map(([, tensor]) => tensor),
            ),
          ),
        ),
      ),
    )
    const changed: { readonly of: Tensor; readonly to: Tensor }[] = []
    const change = (list: TrainState['parameters'], values: readonly Tensor[]): void => {
      for (const [i, to] of values.entries()) changed.push({ of: list[i][1], to })
    }
    const gathered = traced(state.gradients).map(([, sum], i) => where(scalars.first, result.grads[i], add(sum, result.grads[i])))
    const grads = part === 'whole' ? result.grads : gathered
    let norm: Tensor | undefined
    if (part === 'gather') change(state.gradients, gathered)
    else {
      const clipped = clip(definition.clip, parameters, grads)
      norm = clipped.info?.norm
      const updated = update(definition, parameters, clipped.grads, traced(state.moments), scalars, clipped.info)
      change(
        state.parameters,
        updated.map(({ value }) => value),
      )
      change(
        state.moments,
        updated.flatMap((u) => definition.optimizer.buffers.map((name) => u.buffers[name])),
      )
      const now = new Map([
        ...buffers,
        ...Object.entries(moved),
        ...parameters.map(([name], i) => [name, updated[i].value] as const),
      ])
      const { decay, rest } = scalars
      change(
        state.averages,
        averages.map(([name, average]) => definition.average!.update(average, now.get(name)!, { decay, rest })),
      )
    }
    for (const [name, tensor] of state.buffers) if (moved[name]) changed.push({ of: tensor, to: moved[name] })
    return {
      loss: whole!,
      ...(norm && { norm }),
      state: changed.map(({ to }) => to),
      over: changed.map(({ of }) => at.get(of)!),
    }
  }
}

type NamedTensors = readonly (readonly [name: string, tensor: Tensor])[]

function clip(
  how: Clip | undefined,
  parameters: NamedTensors,
  grads: readonly Tensor[],
): { grads: readonly Tensor[]; info?: GradientInfo } {
  if (how?.mode === 'value') return { grads: clipByValue(grads, how.limit) }
  if (how?.mode === 'agc') {
    // timm leaves the classifier out, by position.
    const n = Math.max(0, grads.length - 2)
    const values = parameters.slice(0, n).map(([, tensor]) => tensor)
    return { grads: [...clipAdaptively(values, grads.slice(0, n), how.limit), ...grads.slice(n)] }
  }
  if (!how) return { grads }
  const norm = globalNorm(grads)
  return { grads, info: { norm, factor: clipFactor(norm, how.limit) } }
}

function update(
  { optimizer, groups }: Pick<StepDefinition, 'optimizer' | 'groups'>,
  parameters: NamedTensors,
  grads: readonly Tensor[],
  moments: NamedTensors,
  scalars: Readonly<Record<string, Tensor>>,
  info: GradientInfo | undefined,
) {
  const groupOf = new Map(groups.flatMap((group) => group.parameters.map((name) => [name, group] as const)))
  const n = optimizer.buffers.length
  return optimizer.update(
    parameters.map(([name, value], i) => {
      const { weightDecay, lrScale } = groupOf.get(name)!
      const own = moments.slice(i * n, (i + 1) * n)
      const buffers = Object.fromEntries(optimizer.buffers.map((buffer, b) => [buffer, own[b][1]]))
      return { value, grad: grads[i], buffers, weightDecay, lrScale }
    }),
    scalars,
    info,
  )
}

/** Shapes and types of what a step takes. */
export const stepInputs = (images: ValueSpec, targets: ValueSpec, scalars: ValueSpec, state: TrainState): ValueSpec[] => [
  images,
  targets,
  { shape: [2], dtype: 'i32' },
  scalars,
  ...state.tensors,
]

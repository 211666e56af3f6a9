import type { Module } from '@scanline/nn'
import type { Tensor } from '@scanline/tensor'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { type Context, noteUnread } from '../kind.js'
import { modelFields } from './classifier.js'
import { type GradientCase, gradientFields, runGradients } from './gradients.js'
import { type Layout, readInput, readLayout } from './layout.js'

/** What a family tells about the training of its classifiers. */
export interface TrainingKind<M> {
  /** Where a file does not say. */
  readonly layout: Layout
  readonly build: (
    file: Field,
    context: Context,
  ) => Promise<{
    readonly model: M
    readonly salt: string
    /** Under the file's names, where those are not the model's own. */
    readonly parameters?: readonly (readonly [name: string, parameter: Tensor])[]
  }>
  /** Whether a training step of the model draws random numbers, which no file gives. */
  readonly isRandom: (model: M) => boolean
  /** What the loss is of, where that is not the model's own result. */
  readonly forward?: (model: M, image: Tensor, training: boolean) => ReturnType<GradientCase['forward']>
}

/**
 * Loss, gradients and running statistics of a whole classifier: in training mode, unless the file's `mode` begins with
 * `eval`. Throws `NotSupportedError` for what draws random numbers.
 */
export async function runModelGradients<M extends Module & { forward(x: Tensor): Tensor }>(
  file: Field,
  context: Context,
  kind: TrainingKind<M>,
): Promise<void> {
  const layout = readLayout(file.maybe('layout'), kind.layout)
  const training = !(file.maybe('mode')?.string().startsWith('eval') ?? false)
  await noteUnread(context, file, [...modelFields, ...gradientFields])
  const { model, salt, parameters } = await kind.build(file, context)
  try {
    if (training && kind.isRandom(model))
      throw new NotSupportedError('training mode with drop path or dropout, whose draws no file gives')
    model.train(training)
    using x = readInput(context, 'input', file.at('input'), salt, layout.input)
    await runGradients(context, {
      file,
      input: x,
      inputLayout: layout.input,
      forward: (image) => kind.forward?.(model, image, training) ?? model.forward(image),
      model,
      parameters: parameters ?? model.namedParameters(),
    })
  } finally {
    model.dispose()
  }
}

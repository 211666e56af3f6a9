import { captureBuffers, type Module } from '@scanline/nn'
import { scope, type Tensor } from '@scanline/tensor'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { type Context, noteUnread } from '../kind.js'
import { readReference } from '../reference.js'
import { boundOf } from './bound.js'
import { execute } from './execute.js'
import { inLayout, type Layout, readInput, readLayout } from './layout.js'
import { checkTensors, type Expected } from './tensors.js'

/** Fields of a file that say what is built and run. */
export const modelFields = ['args', 'input', 'layout', 'state', 'kept', 'extra_fill_rules']

/** What a family tells about its classifiers. */
export interface ClassifierKind<M> {
  readonly family: string
  /** Where a file does not say. */
  readonly layout: Layout
  /** Names of stages that a file may give. */
  readonly stageNames: RegExp
  /** The field that has them: `stages` unless told otherwise. */
  readonly stagesField?: string
  /** Builds and fills a file's model. */
  readonly build: (file: Field, context: Context) => Promise<{ readonly model: M; readonly salt: string }>
  /** Every tensor that a file may name, `logits` among them. */
  readonly intermediates: (model: M, x: Tensor) => Record<string, Tensor>
  /** What a file may give of a forward pass in training mode, by the names of its fields. */
  readonly training?: { readonly fields: readonly string[]; readonly run: (model: M, x: Tensor) => Record<string, Tensor> }
}

/** Runs a whole classifier, and compares its state dict, its stages and its logits. */
export async function runClassifier<M extends Module & { forward(x: Tensor): Tensor }>(
  file: Field,
  context: Context,
  kind: ClassifierKind<M>,
): Promise<void> {
  const layout = readLayout(file.maybe('layout'), kind.layout)
  const { stagesField = 'stages', training } = kind
  const trainedFields = training?.fields ?? []
  const expected = await readStages(file, context, kind)
  const trained = trainedFields.flatMap((name) => readOutput(name, file, context))
  await noteUnread(context, file, [...modelFields, stagesField, 'logits', ...trainedFields])
  const { model, salt } = await kind.build(file, context)
  try {
    model.eval()
    using x = readInput(context, 'input', file.at('input'), salt, layout.input)
    const wanted = new Set(expected.map(({ name }) => name))
    const stages = (image: Tensor): Record<string, Tensor> =>
      scope(() => {
        const all = Object.entries(kind.intermediates(model, image)).filter(([name]) => wanted.has(name))
        return Object.fromEntries(all.map(([name, y]) => [name, inLayout(y, layout.output)]))
      })
    await execute(context, 'stages', stages, [x], (run, outputs) => checkTensors(context, run, expected, outputs))

    // The program that a user runs has the logits as its only output, and so more to fuse. Eagerly nothing would differ.
    const logits = expected.filter(({ name }) => name === 'logits')
    await execute(
      context,
      'forward',
      (image) => ({ logits: model.forward(image) }),
      [x],
      (run, outputs) => checkTensors(context, run, logits, outputs, 'forward: '),
      ['compiled'],
    )

    if (!training || trained.length === 0) return
    model.train()
    const step = (image: Tensor): Record<string, Tensor> =>
      scope(() => captureBuffers(model, () => training.run(model, image)).result)
    await execute(context, 'training', step, [x], (run, outputs) => checkTensors(context, run, trained, outputs))
  } finally {
    model.dispose()
  }
}

/** The stages that a file gives, and the logits. Names that no stage has are noted. */
async function readStages<M>(
  file: Field,
  context: Context,
  { stageNames, stagesField = 'stages', family }: ClassifierKind<M>,
): Promise<Expected[]> {
  const whole = file.maybe('float32_error')
  const stages: Expected[] = []
  for (const [name, field] of file.maybe(stagesField)?.entries() ?? [])
    await context.part(field.path, () => {
      if (!stageNames.test(name)) throw new NotSupportedError(`a tensor of this name of a ${family}`)
      stages.push({ name, reference: readReference(field), bound: boundOf(context.device, field.maybe('float32_error'), whole) })
    })
  return [...stages, ...readOutput('logits', file, context, file.maybe('float32_error_logits'))]
}

/** A field of the file, if it is there. `error` is the place that tells its error best. */
function readOutput(name: string, file: Field, { device }: Context, error?: Field): Expected[] {
  const field = file.maybe(name)
  if (!field) return []
  const bound = boundOf(device, error, field.maybe('float32_error'), file.maybe('float32_error'))
  return [{ name, reference: readReference(field), bound }]
}

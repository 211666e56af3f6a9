import type { Module } from '@scanline/nn'
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
  /** Builds and fills a file's model. */
  readonly build: (file: Field, context: Context) => Promise<{ readonly model: M; readonly salt: string }>
  /** Every tensor that a file may name, `logits` among them. */
  readonly intermediates: (model: M, x: Tensor) => Record<string, Tensor>
}

/** Runs a whole classifier, and compares its state dict, its stages and its logits. */
export async function runClassifier<M extends Module & { forward(x: Tensor): Tensor }>(
  file: Field,
  context: Context,
  kind: ClassifierKind<M>,
): Promise<void> {
  const layout = readLayout(file.maybe('layout'), kind.layout)
  const expected = readExpected(file, context, kind)
  await noteUnread(context, file, [...modelFields, 'stages', 'logits'])
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
  } finally {
    model.dispose()
  }
}

function readExpected<M>(file: Field, { device }: Context, { stageNames, family }: ClassifierKind<M>): Expected[] {
  const whole = file.maybe('float32_error')
  const stages = (file.maybe('stages')?.entries() ?? []).map(([name, field]): Expected => {
    if (!stageNames.test(name)) throw new NotSupportedError(`${field.path} of a ${family}`)
    return { name, reference: readReference(field), bound: boundOf(device, field.maybe('float32_error'), whole) }
  })
  const logits = file.maybe('logits')
  if (!logits) return stages
  const bound = boundOf(device, file.maybe('float32_error_logits'), logits.maybe('float32_error'), whole)
  return [...stages, { name: 'logits', reference: readReference(logits), bound }]
}

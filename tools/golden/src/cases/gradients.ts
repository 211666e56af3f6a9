import { crossEntropy, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { compareTensor, partialError, relativeError, type Values } from '../compare.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import type { Context, Run } from '../kind.js'
import { readReference } from '../reference.js'
import { boundOf } from './bound.js'
import { execute, type Output, type Outputs } from './execute.js'
import { inLayout } from './layout.js'

export interface GradientCase {
  readonly file: Field
  readonly input: Tensor
  readonly inputLayout: string
  readonly forward: (x: Tensor) => Tensor
  /** Under the file's names. */
  readonly parameters: readonly (readonly [name: string, parameter: Tensor])[]
}

/** Fields of a file that are compared here. */
export const gradientFields = [
  'labels',
  'logits',
  'grads',
  'grad_columns',
  'grads_analytically_zero',
  'zero_grads',
  'input_grad',
  'float32_error_worst_parameter',
]

/** Runs one training step's forward and backward pass, and compares loss, logits and every gradient. */
export async function runGradients(context: Context, given: GradientCase): Promise<void> {
  const { file, input, inputLayout, forward, parameters } = given
  checkNames(context, given)
  const kind = file.maybe('loss_kind')?.string() ?? 'mean cross entropy'
  if (kind !== 'mean cross entropy') throw new NotSupportedError(`loss_kind ${JSON.stringify(kind)}`)
  const { backend } = context.device
  const labels = tensor(Int32Array.from(file.at('labels').shape()), { device: backend, dtype: 'i32' })
  const step = (x: Tensor): Record<string, Tensor> => {
    let logits: Tensor | undefined
    const { value, grads } = valueAndGrad(() => {
      logits = forward(x)
      return crossEntropy(logits, labels)
    }, [x, ...parameters.map(([, parameter]) => parameter)])
    const [gradX, ...rest] = grads
    const named = parameters.map(([name], i) => [`grads.${name}`, rest[i]] as const)
    return { loss: value, logits: logits as Tensor, input_grad: inLayout(gradX, inputLayout), ...Object.fromEntries(named) }
  }
  try {
    await execute(context, 'gradients', step, [input], (run, outputs) => compareStep(context, run, file, outputs))
  } finally {
    labels.dispose()
  }
}

/** Every parameter has one line, under `grads` or among those that are zero. */
function checkNames(context: Context, { file, parameters }: GradientCase): void {
  const listed = [...gradRows(file).map(({ name }) => name), ...zeroNames(file)]
  const known = new Set(parameters.map(([name]) => name))
  const wrong = [...listed.filter((name) => !known.has(name)), ...[...known].filter((name) => !listed.includes(name))]
  context.check({ name: 'grads, names', error: wrong.length, bound: 0, ...(wrong.length > 0 && { note: wrong[0] }) })
}

function compareStep(context: Context, run: Run, file: Field, outputs: Outputs): void {
  const { device } = context
  const whole = file.maybe('float32_error')
  const output = (name: string): Output => outputs.get(name) as Output

  const loss = file.maybe('loss')
  const bounds = {
    loss: boundOf(device, file.maybe('float32_error_loss'), file.maybe('float32_error_logits'), whole),
    logits: boundOf(device, file.maybe('float32_error_logits'), whole),
    gradients: boundOf(device, file.maybe('float32_error_worst_parameter'), whole),
    input: boundOf(device, file.maybe('float32_error_input_grad'), whole),
  }
  if (loss) context.check({ name: 'loss', run, error: relativeError(output('loss').values, [loss.number()]), bound: bounds.loss })
  const logits = file.maybe('logits')
  if (logits) {
    const { shape, values } = output('logits')
    context.check({ name: 'logits', run, bound: bounds.logits, ...compareTensor(shape, values, readReference(logits)) })
  }
  const inputGrad = file.maybe('input_grad')
  if (inputGrad) {
    const { shape, values } = output('input_grad')
    context.check({ name: 'input_grad', run, bound: bounds.input, ...compareTensor(shape, values, readReference(inputGrad)) })
  }

  let squares = 0
  for (const { name, l2, values } of gradRows(file)) {
    const found = outputs.get(`grads.${name}`)
    if (!found) continue
    const norm = normOf(found.values)
    squares += norm ** 2
    const first = partialError(found.values, values, l2, Math.max(1, found.values.length))
    const error = Math.max(Math.abs(norm - l2) / (l2 || 1), first)
    context.check({ name: `grads.${name}`, run, error, bound: bounds.gradients })
  }
  const total = Math.sqrt(squares) || 1
  const expectedTotal = file.maybe('grad_l2_total')?.number()
  // Gradients that are zero in exact arithmetic leave rounding errors of the size of the others.
  for (const name of zeroNames(file)) {
    const found = outputs.get(`grads.${name}`)
    if (found)
      context.check({ name: `grads.${name}`, run, error: normOf(found.values) / total, bound: bounds.gradients, note: 'zero' })
  }
  if (expectedTotal !== undefined) {
    const all = [...gradRows(file).map(({ name }) => name), ...zeroNames(file)].map((name) => outputs.get(`grads.${name}`))
    const norm = Math.sqrt(all.reduce((sum, found) => sum + (found ? normOf(found.values) ** 2 : 0), 0))
    context.check({
      name: 'grad_l2_total',
      run,
      error: Math.abs(norm - expectedTotal) / (expectedTotal || 1),
      bound: bounds.gradients,
    })
  }
}

interface GradRow {
  readonly name: string
  readonly l2: number
  /** The first values, row-major. */
  readonly values: readonly number[]
}

/** `grad_columns` names the columns; a file may have more than these three, in another order. */
function gradRows(file: Field): GradRow[] {
  const columns = file.maybe('grad_columns')?.strings() ?? ['name', 'l2', 'first 4 values (row-major)']
  const column = (what: string, holds: (name: string) => boolean): number => {
    const found = columns.findIndex(holds)
    if (found < 0) file.at('grad_columns').fail(`needs a column with ${what}`)
    return found
  }
  const [name, l2, first] = [
    column('the name', (c) => c === 'name'),
    column('the l2 norm', (c) => c === 'l2'),
    column('the first values', (c) => c.startsWith('first')),
  ]
  return file
    .at('grads')
    .list()
    .map((row) => {
      const cells = row.tuple(columns.length)
      return { name: cells[name].string(), l2: cells[l2].number(), values: cells[first].numbers() }
    })
}

const zeroNames = (file: Field): string[] =>
  ['zero_grads', 'grads_analytically_zero'].flatMap((key) => file.maybe(key)?.strings() ?? [])

function normOf(values: Values): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2
  return Math.sqrt(sum)
}

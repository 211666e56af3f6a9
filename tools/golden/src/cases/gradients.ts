import { captureBuffers, type Module } from '@scanline/nn'
import { add, cast, crossEntropy, mul, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
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
  /** Logits, or the two sets of a distilled model in training. */
  readonly forward: (x: Tensor) => Tensor | { readonly logits: Tensor; readonly distilled: Tensor }
  /** Whose running statistics the forward pass updates. */
  readonly model: Module
  /** Under the file's names. */
  readonly parameters: readonly (readonly [name: string, parameter: Tensor])[]
}

/** Fields of a file that are compared here. */
export const gradientFields = [
  'labels',
  'labels_dist',
  'logits',
  'logits_dist',
  'grads',
  'grad_columns',
  'grads_analytically_zero',
  'zero_grads',
  'input_grad',
  'grad_input',
  'buffers_after',
  'float32_error_worst_parameter',
]

/** Runs one training step's forward and backward pass, and compares loss, logits and every gradient. */
export async function runGradients(context: Context, given: GradientCase): Promise<void> {
  const { file, input, inputLayout, forward, model, parameters } = given
  checkNames(context, given)
  const reduction = file.maybe('reduction')?.string() ?? 'mean'
  if (reduction !== 'mean') throw new NotSupportedError(`reduction ${JSON.stringify(reduction)}`)
  const kind = file.maybe('loss_kind')?.string() ?? 'mean cross entropy'
  if (kind !== 'mean cross entropy') throw new NotSupportedError(`loss_kind ${JSON.stringify(kind)}`)
  const { backend } = context.device
  const labels = tensor(Int32Array.from(file.at('labels').shape()), { device: backend, dtype: 'i32' })
  // The teacher's classes; those of the images where a file gives no others.
  const taught = file.maybe('labels_dist')
  const teacher = taught ? tensor(Int32Array.from(taught.shape()), { device: backend, dtype: 'i32' }) : labels
  const step = (x: Tensor): Record<string, Tensor> => {
    let logits: Tensor | undefined
    let distilled: Tensor | undefined
    const { result, buffers } = captureBuffers(model, () =>
      valueAndGrad(() => {
        const output = forward(x)
        if ('shape' in output) {
          logits = output
          return crossEntropy(logits, labels)
        }
        ;({ logits, distilled } = output)
        return mul(add(crossEntropy(logits, labels), crossEntropy(distilled, teacher)), 0.5)
      }, [x, ...parameters.map(([, parameter]) => parameter)]),
    )
    const [gradX, ...rest] = result.grads
    const named = parameters.map(([name], i) => [`grads.${name}`, rest[i]] as const)
    const updated = Object.entries(buffers).map(([name, buffer]) => [`buffers_after.${name}`, cast(buffer, input.dtype)] as const)
    return {
      loss: result.value,
      logits: logits as Tensor,
      ...(distilled && { logits_dist: distilled }),
      input_grad: inLayout(gradX, inputLayout),
      ...Object.fromEntries([...named, ...updated]),
    }
  }
  try {
    await execute(context, 'gradients', step, [input], (run, outputs) => compareStep(context, run, file, outputs))
  } finally {
    if (teacher !== labels) teacher.dispose()
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
  const inputGrad = file.maybe('input_grad') ?? file.maybe('grad_input')
  const bounds = {
    loss: boundOf(device, file.maybe('float32_error_loss'), file.maybe('float32_error_logits'), whole),
    logits: boundOf(device, file.maybe('float32_error_logits'), whole),
    gradients: boundOf(device, file.maybe('float32_error_worst_parameter'), whole),
    input: boundOf(device, inputGrad?.maybe('float32_error'), file.maybe('float32_error_input_grad'), whole),
  }
  if (loss) context.check({ name: 'loss', run, error: relativeError(output('loss').values, [loss.number()]), bound: bounds.loss })
  for (const name of ['logits', 'logits_dist']) {
    const logits = file.maybe(name)
    const found = outputs.get(name)
    if (logits && found)
      context.check({ name, run, bound: bounds.logits, ...compareTensor(found.shape, found.values, readReference(logits)) })
  }
  if (inputGrad) {
    const { shape, values } = output('input_grad')
    context.check({ name: 'input_grad', run, bound: bounds.input, ...compareTensor(shape, values, readReference(inputGrad)) })
  }

  let squares = 0
  for (const row of gradRows(file)) {
    const found = outputs.get(`grads.${row.name}`)
    if (!found) continue
    squares += normOf(found.values) ** 2
    const bound = row.float32Error ? boundOf(device, row.float32Error) : bounds.gradients
    context.check({ name: `grads.${row.name}`, run, error: rowError(row, found), bound })
  }
  for (const row of file.has('buffers_after') ? readRows(file.at('buffers_after'), undefined) : []) {
    const found = outputs.get(`buffers_after.${row.name}`)
    context.check({
      name: `buffers_after.${row.name}`,
      run,
      error: found ? rowError(row, found) : Number.NaN,
      bound: boundOf(device, row.float32Error, whole),
      ...(!found && { note: 'was not updated' }),
    })
  }
  const total = Math.sqrt(squares) || 1
  const expectedTotal = (file.maybe('grad_l2_total') ?? file.maybe('grad_l2'))?.number()
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
  readonly float32Error?: Field | undefined
}

/** A norm and a few values of a tensor beside the tensor. */
function rowError({ l2, values }: GradRow, found: Output): number {
  const first = partialError(found.values, values, l2, Math.max(1, found.values.length))
  return Math.max(Math.abs(normOf(found.values) - l2) / (l2 || 1), first)
}

/** `{ "head.weight": { "l2": …, "first": […] } }`. */
const recordRows = (rows: Field): GradRow[] =>
  rows.entries().map(([name, row]) => ({
    name,
    l2: row.at('l2').number(),
    values: row.at('first').numbers(),
    float32Error: row.maybe('float32_error'),
  }))

/** Gradients that are zero in exact arithmetic may be listed too: they are compared by size only. */
function gradRows(file: Field): GradRow[] {
  const zero = new Set(zeroNames(file))
  return readRows(file.at('grads'), file.maybe('grad_columns')).filter(({ name }) => !zero.has(name))
}

const readRows = (rows: Field, columns: Field | undefined): GradRow[] =>
  rows.isRecord() ? recordRows(rows) : tableRows(rows, columns)

/** `names` are those of the columns; a file may have more than these three, in another order. */
function tableRows(rows: Field, names: Field | undefined): GradRow[] {
  const columns = names?.strings() ?? ['name', 'l2', 'first 4 values (row-major)']
  const column = (what: string, holds: (name: string) => boolean): number => {
    const found = columns.findIndex(holds)
    if (found < 0) (names ?? rows).fail(`needs a column with ${what}`)
    return found
  }
  const [name, l2, first] = [
    column('the name', (c) => c === 'name'),
    column('the l2 norm', (c) => c === 'l2'),
    column('the first values', (c) => c.startsWith('first')),
  ]
  return rows.list().map((row) => {
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

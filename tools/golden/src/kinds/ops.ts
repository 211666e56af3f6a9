import { add, mul, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { type Context, type Kind, noteUnread } from '../kind.js'
import { formulaValues } from '../ops/formula.js'
import { type OpCase, opCases } from '../ops/functions.js'
import { readReference } from '../reference.js'

/** Single operations: outputs, and the gradients of all inputs from those of the outputs (inputs `d_…`). */
export const ops: Kind = {
  name: 'operation',
  matches: (file) => file.isRecord() && typeof file.record().op === 'string' && Object.hasOwn(opCases, file.at('op').string()),
  run: async (file, context) => {
    await noteUnread(context, file, ['cases'])
    const op = opCases[file.at('op').string()]
    for (const [i, entry] of file.at('cases').list().entries()) {
      const name = entry.maybe('name')?.string() ?? `cases[${i}]`
      await context.part(name, () => runCase(name, op, file, entry, context))
    }
  },
}

async function runCase(name: string, op: OpCase, file: Field, entry: Field, context: Context): Promise<void> {
  await noteUnread(context, entry, ['inputs', 'outputs', 'grads', ...op.flags])
  const { backend, dtype } = context.device
  const given = entry.at('inputs')
  const outputs = entry.at('outputs')
  const names = given.keys().filter((key) => !key.startsWith('d_'))
  const gradientOf = (output: string) => `d_${output}`
  checkNames(op, given, outputs.keys().map(gradientOf))
  const f = op.build(entry)
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const tensors = new Map(
    given.entries().map(([key, field]) => {
      const values = field.has('value') ? formulaValues(field, salt) : wholeOf(field)
      return [key, tensor(values, { shape: field.at('shape').shape(), device: backend, dtype })] as const
    }),
  )
  const seeds = outputs.keys().filter((output) => tensors.has(gradientOf(output)))
  const step = (...inputs: Tensor[]): Record<string, Tensor> => {
    const named = Object.fromEntries(given.keys().map((key, i) => [key, inputs[i]]))
    const wrt = names.map((key) => named[key])
    let found: Readonly<Record<string, Tensor>> = {}
    const forward = () => {
      found = f(Object.fromEntries(names.map((key) => [key, named[key]])))
      return seeds.map((output) => sum(mul(found[output], named[gradientOf(output)]))).reduce(add)
    }
    const grads = entry.has('grads') && seeds.length > 0 ? valueAndGrad(forward, wrt).grads : []
    if (grads.length === 0) found = f(named)
    return { ...found, ...Object.fromEntries(grads.map((grad, i) => [`grads.${names[i]}`, grad])) }
  }
  const bound = boundOf(context.device, entry.maybe('float32_error'), file.maybe('float32_error'))
  const expected: Expected[] = [
    ...outputs.entries(),
    ...(entry.maybe('grads')?.entries() ?? []).map(([key, field]) => [`grads.${key}`, field] as const),
  ].map(([key, field]) => ({ name: key, reference: readReference(field), bound }))
  try {
    await execute(context, name, step, [...tensors.values()], (run, found) => {
      for (const one of expected.filter((e) => !found.has(e.name)))
        context.check({ name: `${name}: ${one.name}`, run, error: Number.NaN, bound, note: 'not among the outputs' })
      const present = expected.filter((e) => found.has(e.name))
      checkTensors(context, run, present, found, `${name}: `)
    })
  } finally {
    for (const t of tensors.values()) t.dispose()
  }
}

function wholeOf(field: Field): Float64Array {
  const reference = readReference(field)
  if (!('data' in reference)) return field.fail('expected all values of an input, or a formula')
  return Float64Array.from(reference.data)
}

/** Throws `FormatError` for inputs that the op does not have, and for missing ones. */
function checkNames({ required, optional }: OpCase, given: Field, seeds: readonly string[]): void {
  for (const name of required) given.at(name)
  const known = [...required, ...optional, ...seeds]
  for (const [name, field] of given.entries())
    if (!known.includes(name)) field.fail(`no such input; there are ${known.join(', ')}`)
}

import { captureBuffers } from '@scanline/nn'
import { add, cast, mul, scope, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { fillListed } from '../cases/state.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, noteUnread } from '../kind.js'
import { readReference } from '../reference.js'
import type { Block } from './blocks.js'
import { channelsFirst, channelsLast } from './layout.js'

const known = [
  'args',
  'state',
  'kept',
  'inputs',
  'outputs',
  'grad_outputs',
  'grad_inputs',
  'grads',
  'zero_grads',
  'buffers_after',
]

/**
 * Runs an entry of a file that has a whole input, with outputs, gradients for given gradients of the outputs and running
 * statistics, as far as the entry gives them: in training mode where its `mode` begins with `train`.
 */
export async function runLayer(name: string, file: Field, entry: Field, context: Context, { module, run }: Block): Promise<void> {
  const { backend: device, dtype } = context.device
  await noteUnread(context, entry, known)
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const fill = (input: string, shape: readonly number[]): Tensor =>
    tensor(fillInput(input, shape, salt), { shape, device, dtype })
  const whole = entry.maybe('float32_error')
  const expect = (prefix: string, tensors: Field | undefined): Expected[] =>
    (tensors?.entries() ?? []).map(([key, field]) => ({
      name: `${name} ${prefix}${key}`,
      reference: readReference(field),
      bound: boundOf(context.device, field.maybe('float32_error'), whole),
    }))
  const zero = new Set((entry.maybe('zero_grads')?.strings() ?? []).map((key) => `${name} grads.${key}`))
  const expected = [
    ...expect('', entry.at('outputs')),
    ...expect('grad of ', entry.maybe('grad_inputs')),
    ...expect('grads.', entry.maybe('grads')).filter((e) => !zero.has(e.name)),
    ...expect('buffers_after.', entry.maybe('buffers_after')),
  ]
  const inputs: Tensor[] = []
  try {
    await fillListed(context, entry, module, salt, { prefix: `${name}, `, rules: file })
    module.train(entry.maybe('mode')?.string().startsWith('train') ?? false)
    const x = fill('input', entry.at('inputs').at('input').shape())
    inputs.push(x)
    const seeds = (entry.maybe('grad_outputs')?.entries() ?? []).map(([output, input]) => {
      const seed = fill(input.string(), entry.at('outputs').at(output).at('shape').shape())
      inputs.push(seed)
      return [output, seed] as const
    })
    const forward = (input: Tensor): Record<string, Tensor> =>
      Object.fromEntries(Object.entries(run(channelsLast(input))).map(([key, y]) => [key, channelsFirst(y)]))
    const parameters = module.namedParameters()
    const step = (input: Tensor): Record<string, Tensor> =>
      scope(() => {
        let outputs: Record<string, Tensor> = {}
        const pass = (): Tensor => {
          outputs = forward(input)
          return seeds.map(([key, seed]) => sum(mul(outputs[key], seed))).reduce((a, b) => add(a, b))
        }
        const { result: grads, buffers } = captureBuffers(module, () => {
          if (seeds.length > 0) return valueAndGrad(pass, [input, ...parameters.map(([, p]) => p)]).grads
          outputs = forward(input)
          return []
        })
        const named = (prefix: string, tensors: readonly (readonly [string, Tensor])[]) =>
          tensors.map(([key, y]) => [`${name} ${prefix}${key}`, y] as const)
        return Object.fromEntries([
          ...named('', Object.entries(outputs)),
          ...named(
            'grad of ',
            grads.slice(0, 1).map((g) => ['input', g] as const),
          ),
          ...named(
            'grads.',
            grads.slice(1).map((g, i) => [parameters[i][0], g] as const),
          ),
          ...named(
            'buffers_after.',
            Object.entries(buffers).map(([key, b]) => [key, cast(b, dtype)] as const),
          ),
        ])
      })
    await execute(context, name, step, [x], (mode, outputs) => {
      checkTensors(context, mode, expected, outputs)
      for (const key of zero) {
        const values = outputs.get(key)?.values ?? [Number.NaN]
        const error = Math.max(...Array.from(values, Math.abs))
        context.check({ name: key, run: mode, error, bound: boundOf(context.device, whole), note: 'zero' })
      }
    })
  } finally {
    for (const input of inputs) input.dispose()
    module.dispose()
  }
}

import { captureBuffers } from '@scanline/nn'
import { add, mul, permute, scope, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { checkState, fillModule, readFillOptions, readState } from '../cases/state.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import { buildBlock } from '../efficientvim/blocks.js'
import { isEfficientViM } from '../efficientvim/match.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference } from '../reference.js'

const known = ['args', 'state', 'kept', 'inputs', 'outputs', 'grad_outputs', 'grad_inputs', 'grads', 'zero_grads']

/** Single layers with their whole input and output, some with gradients. */
export const efficientvimBlocks: Kind = {
  name: 'EfficientViM blocks',
  matches: (file) => isEfficientViM(file) && file.has('blocks'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['blocks', 'extra_fill_rules'])
    for (const [i, entry] of file.at('blocks').list().entries()) {
      const name = `blocks[${i}] ${entry.at('name').string()}`
      await context.part(name, () => runBlock(name, file, entry, context))
    }
  },
}

/** [N, L, C] and [N, H, W, C] as the files have them, channels first; and back. */
const channelsFirst = (x: Tensor): Tensor => permute(x, x.rank === 4 ? [0, 3, 1, 2] : [0, 2, 1])
const channelsLast = (x: Tensor): Tensor => permute(x, x.rank === 4 ? [0, 2, 3, 1] : [0, 2, 1])

async function runBlock(name: string, file: Field, entry: Field, context: Context): Promise<void> {
  const { backend: device, dtype } = context.device
  await noteUnknown(context, entry, known)
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const shape = entry.at('inputs').at('input').shape()
  const fill = (input: string, dims: readonly number[]): Tensor =>
    tensor(fillInput(input, dims, salt), { shape: dims, device, dtype })
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
  ]
  const { module, run } = buildBlock(entry, shape.length, { device, dtype })
  using x = fill('input', shape)
  const seeds = (entry.maybe('grad_outputs')?.entries() ?? []).map(([output, input]) => {
    const dims = entry.at('outputs').at(output).at('shape').shape()
    return [output, fill(input.string(), dims)] as const
  })
  const training = entry.maybe('mode')?.string().startsWith('train') ?? false
  try {
    const entries = readState(entry.at('state'))
    checkState(context, `${name}, state`, module.stateDict(), entries)
    await fillModule(module, entries, salt, entry.maybe('kept'), readFillOptions(file.maybe('extra_fill_rules')))
    module.train(training)
    const forward = (input: Tensor): Record<string, Tensor> =>
      Object.fromEntries(Object.entries(run(channelsLast(input))).map(([key, y]) => [key, channelsFirst(y)]))
    const parameters = module.namedParameters()
    const step = (input: Tensor): Record<string, Tensor> =>
      scope(() => {
        let outputs: Record<string, Tensor> = {}
        const run = (): Tensor[] => {
          if (seeds.length > 0) return valueAndGrad(seeded, [input, ...parameters.map(([, p]) => p)]).grads
          outputs = forward(input)
          return []
        }
        const seeded = (): Tensor => {
          outputs = forward(input)
          return seeds.map(([key, seed]) => sum(mul(outputs[key], seed))).reduce((a, b) => add(a, b))
        }
        const { result } = captureBuffers(module, run)
        const [gradInput, ...grads] = result
        return Object.fromEntries([
          ...Object.entries(outputs).map(([key, y]) => [`${name} ${key}`, y] as const),
          ...(gradInput ? [[`${name} grad of input`, gradInput] as const] : []),
          ...grads.map((g, i) => [`${name} grads.${parameters[i][0]}`, g] as const),
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
    for (const [, seed] of seeds) seed.dispose()
    module.dispose()
  }
}

import { add, mul, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { checkState, fillModule, readState } from '../cases/state.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnread } from '../kind.js'
import { readReference } from '../reference.js'
import { type Block, buildBlock } from '../vim/blocks.js'
import { isVim } from '../vim/match.js'

/** Single layers: their outputs and inner tensors, and gradients for given gradients of the outputs. */
export const vimBlocks: Kind = {
  name: 'Vim blocks',
  matches: (file) => isVim(file) && file.has('blocks'),
  run: async (file, context) => {
    await noteUnread(context, file, ['blocks'])
    for (const [i, entry] of file.at('blocks').list().entries()) {
      const name = `blocks[${i}] ${entry.at('name').string()}`
      await context.part(name, () => runBlock(name, file, entry, context))
    }
  },
}

const known = ['args', 'state', 'kept', 'inputs', 'outputs', 'grad_outputs', 'grad_inputs', 'grads']

async function runBlock(name: string, file: Field, entry: Field, context: Context): Promise<void> {
  await noteUnread(context, entry, known)
  const { device } = context
  const salt = (entry.maybe('salt') ?? file.at('salt')).string()
  const block = buildBlock(entry, { device: device.backend, dtype: device.dtype })
  const shapes = Object.fromEntries(
    entry
      .at('inputs')
      .entries()
      .map(([key, shape]) => [key, shape.shape()]),
  )
  const fill = (key: string, shape: number[]): Tensor =>
    tensor(fillInput(key, shape, salt, 1), { shape, device: device.backend, dtype: device.dtype })
  const expected = (field: Field | undefined, prefix: string): Expected[] =>
    (field?.entries() ?? []).map(([key, value]) => ({
      name: `${name}, ${prefix}${key}`,
      reference: readReference(value),
      bound: boundOf(device, value.maybe('float32_error'), entry.maybe('float32_error')),
    }))
  const outputs = expected(entry.at('outputs'), '')
  const gradients = [...expected(entry.maybe('grad_inputs'), 'grad_inputs.'), ...expected(entry.maybe('grads'), 'grads.')]
  const inputs = Object.entries(shapes).map(([key, shape]) => fill(key, shape))
  const seeds = (entry.maybe('grad_outputs')?.entries() ?? []).map(([key, field]) => ({
    key,
    seed: fill(field.string(), readReference(entry.at('outputs').at(key)).shape as number[]),
  }))
  try {
    const entries = readState(entry.at('state'))
    checkState(context, `${name}, state`, block.module.stateDict(), entries)
    await fillModule(block.module, entries, salt, entry.maybe('kept'))
    block.module.eval()
    const run = (...tensors: Tensor[]) => {
      const found = block.forward(Object.fromEntries(Object.keys(shapes).map((key, i) => [key, tensors[i]])))
      return Object.fromEntries(outputs.map(({ name: key }) => [key, pick(found, key.slice(name.length + 2), entry)]))
    }
    await execute(context, name, run, inputs, (mode, values) => checkTensors(context, mode, outputs, values))
    if (gradients.length > 0)
      await execute(
        context,
        `${name}, gradients`,
        (...tensors) => backward(name, block, Object.keys(shapes), tensors, seeds),
        inputs,
        (mode, values) => checkTensors(context, mode, gradients, values),
      )
  } finally {
    block.module.dispose()
    for (const x of [...inputs, ...seeds.map(({ seed }) => seed)]) x.dispose()
  }
}

function pick(found: Record<string, Tensor>, key: string, entry: Field): Tensor {
  return Object.hasOwn(found, key) ? found[key] : entry.at('outputs').fail(`there is no tensor "${key}" in this layer`)
}

/** Gradients of Σ seed · output, which are those for the given gradients of the outputs. */
function backward(
  name: string,
  { module, forward }: Block,
  names: readonly string[],
  tensors: readonly Tensor[],
  seeds: readonly { readonly key: string; readonly seed: Tensor }[],
): Record<string, Tensor> {
  const parameters = module.namedParameters()
  const { grads } = valueAndGrad(() => {
    const found = forward(Object.fromEntries(names.map((key, i) => [key, tensors[i]])))
    const parts = seeds.map(({ key, seed }) => sum(mul(found[key], seed)))
    return parts.reduce((a, b) => add(a, b))
  }, [...tensors, ...parameters.map(([, parameter]) => parameter)])
  const keys = [...names.map((key) => `grad_inputs.${key}`), ...parameters.map(([key]) => `grads.${key}`)]
  return Object.fromEntries(keys.map((key, i) => [`${name}, ${key}`, grads[i]]))
}

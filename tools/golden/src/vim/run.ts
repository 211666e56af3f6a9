import { scope, type Tensor } from '@scanline/tensor'
import type { Vim } from '@scanline/vim'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { readInput, readLayout } from '../cases/layout.js'
import { checkTensors, type Expected } from '../cases/tensors.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import type { Context } from '../kind.js'
import { readReference } from '../reference.js'
import { buildModel } from './model.js'

/** Every tensor that a file may name. */
function intermediates(model: Vim, x: Tensor): Record<string, Tensor> {
  return scope(() => {
    const tokens = model.embed(x)
    const found: Record<string, Tensor> = { patch_embed: model.patchEmbed.forward(x), tokens }
    for (const [i, { hidden, residual }] of model.runLayers(tokens).entries()) {
      found[`layers.${i}.hidden`] = hidden
      if (residual) found[`layers.${i}.residual`] = residual
    }
    const final = model.forwardFeatures(x)
    return {
      ...found,
      norm_f: final,
      features: model.forwardHead(final, { preLogits: true }),
      logits: model.forwardHead(final),
    }
  })
}

const stageNames = /^(patch_embed|tokens|layers\.\d+\.(hidden|residual)|norm_f|features)$/

/** `features` is a tensor, or a record of tensors by name. */
function readExpected(entry: Field, prefix: string, context: Context): Expected[] {
  const whole = entry.maybe('float32_error')
  const one = (name: string, field: Field): Expected => {
    if (name !== 'logits' && !stageNames.test(name)) throw new NotSupportedError(`${field.path} of a Vim`)
    return {
      name: `${prefix}${name}`,
      reference: readReference(field),
      bound: boundOf(context.device, field.maybe('float32_error'), whole),
    }
  }
  const features = entry.maybe('features')
  const logits = entry.maybe('logits')
  return [
    ...(features ? (features.has('shape') ? [one('features', features)] : features.entries().map(([n, f]) => one(n, f))) : []),
    ...(logits ? [one('logits', logits)] : []),
  ]
}

/** One model with its features and logits: a file, or an entry of `variants` under its own name. */
export async function runModel(entry: Field, prefix: string, salt: string, context: Context): Promise<void> {
  const layout = readLayout(entry.maybe('layout'), { input: 'NCHW', output: 'NLC' })
  const expected = readExpected(entry, prefix, context)
  const model = await buildModel(entry, prefix, salt, context)
  model.eval()
  const x = readInput(context, `${prefix}input`, entry.at('input'), salt, layout.input)
  try {
    const wanted = new Set(expected.map(({ name }) => name))
    const stages = (image: Tensor): Record<string, Tensor> =>
      scope(() =>
        Object.fromEntries(
          Object.entries(intermediates(model, image)).flatMap(([name, y]): [string, Tensor][] =>
            wanted.has(`${prefix}${name}`) ? [[`${prefix}${name}`, y]] : [],
          ),
        ),
      )
    await execute(context, `${prefix}features`, stages, [x], (run, outputs) => checkTensors(context, run, expected, outputs))

    // The program that a user runs has the logits as its only output, and so more to fuse. Eagerly nothing would differ.
    const logits = expected.filter(({ name }) => name === `${prefix}logits`)
    await execute(
      context,
      `${prefix}forward`,
      (image) => ({ [`${prefix}logits`]: model.forward(image) }),
      [x],
      (run, outputs) => checkTensors(context, run, logits, outputs, 'forward: '),
      ['compiled'],
    )
  } finally {
    x.dispose()
    model.dispose()
  }
}

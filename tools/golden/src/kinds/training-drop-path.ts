import { DropPath, dropPathSchedule } from '@scanline/nn'
import { type Backend, mul, RandomStreams, type Shape, sub, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { relativeError } from '../compare.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

/** Rates of stochastic depth by block, and one drop with its gradient. */
export const trainingDropPath: Kind = {
  name: 'drop path',
  matches: (file) => isTraining(file, 'rates', 'per_block', 'depths'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'rates', 'example'])
    for (const entry of file.at('rates').list()) {
      const name = `${entry.at('family').string()} ${entry.at('variant').string()}`
      await context.part(name, () => checkRates(context, entry, name))
    }
    const example = file.maybe('example')
    if (example) await checkExample(context, file, example)
  },
}

/** The files hold a linspace in float32. */
const float32 = 2 ** -22

function checkRates(context: Context, entry: Field, name: string): void {
  const family = entry.at('family').string()
  const rate = entry.at('rate').number()
  const rates = dropPathSchedule(entry.at('depths').shape(), rate).flat()
  if (!['mambaout', 'mambavision', 'vim'].includes(family)) throw new NotSupportedError(`the family ${JSON.stringify(family)}`)
  // Vim's list is shifted by one, and the last rate drops once more, in front of the final norm.
  const used = family === 'vim' ? [0, ...rates.slice(0, -1)] : rates
  context.check({ name, error: relativeError(used, entry.at('per_block').numbers()), bound: float32 })
  const last = entry.maybe('before_final_norm')
  if (last) context.check({ name: `${name}, before the norm`, error: Math.abs(rates.at(-1)! - last.number()), bound: float32 })
}

/** Draws that keep what the file keeps. */
class Given extends RandomStreams {
  readonly #keep: readonly number[]
  readonly #device: Backend

  constructor(key: Tensor, device: Backend, keep: readonly number[]) {
    super(key)
    this.#device = device
    this.#keep = keep
  }
  override uniform(shape: Shape): Tensor {
    return tensor(
      this.#keep.map((kept) => (kept === 1 ? 0 : 1 - 2 ** -24)),
      { shape, device: this.#device },
    )
  }
}

async function checkExample(context: Context, file: Field, example: Field): Promise<void> {
  const { backend: device, dtype } = context.device
  const salt = file.at('salt').string()
  const shape = example.at('shape').shape()
  const layer = new DropPath(example.at('p').number())
  const [x, dy] = ['input', 'dy'].map((name) => tensor(fillInput(name, shape, salt), { shape, device, dtype }))
  const key = tensor([0, 0], { device, dtype: 'i32' })
  const keep = example.at('keep').numbers()
  await execute(
    context,
    'example',
    (input, upstream) => {
      let output: Tensor | undefined
      const { grads } = valueAndGrad(() => {
        output = layer.forward(input, new Given(key, device, keep))
        return sum(mul(output, upstream))
      }, [input])
      return { output: sub(output!, 0), grad: grads[0] }
    },
    [x, dy],
    (run, outputs) => {
      for (const part of ['output', 'grad'])
        context.check({
          name: `example, ${part}`,
          run,
          error: relativeError(outputs.get(part)!.values, example.at(part).numbers()),
          bound: boundOf(context.device, example.maybe('float32_error')),
        })
    },
  )
  for (const t of [x, dy, key]) t.dispose()
}

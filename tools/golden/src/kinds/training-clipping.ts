import { clipAdaptively, clipByNorm, clipByValue } from '@scanline/optim'
import { type Tensor, tensor } from '@scanline/tensor'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { relativeError } from '../compare.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { fillInput, fillTensor } from '../fill.js'
import { type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

/** Gradients clipped by norm, by value and by unit. */
export const trainingClipping: Kind = {
  name: 'clipping',
  matches: (file) => isTraining(file, 'cases', 'mode', 'clipped'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'params', 'cases'])
    const { backend: device, dtype } = context.device
    const salt = file.at('salt').string()
    const params = file
      .at('params')
      .list()
      .map((line) => {
        const [name, shape] = line.tuple(2)
        return { name: name.string(), shape: shape.shape() }
      })
    for (const [i, entry] of file.at('cases').list().entries()) {
      const name = `cases[${i}] ${entry.at('mode').string()} ${entry.at('value').number()}`
      await noteUnknown(context, entry, ['clipped'])
      await context.part(name, async () => {
        const scale = entry.at('grad_scale').number()
        const values = params.map((p) => tensor(fillTensor(`${p.name}.weight`, p.shape, salt), { shape: p.shape, device, dtype }))
        const grads = params.map((p) =>
          tensor(
            Float64Array.from(fillInput(`grad.${p.name}`, p.shape, salt), (v) => scale * v),
            { shape: p.shape, device, dtype },
          ),
        )
        const bound = boundOf(context.device, entry.maybe('float32_error'))
        await execute(
          context,
          name,
          (...all) => clip(entry, all.slice(0, params.length), all.slice(params.length), params),
          [...values, ...grads],
          (run, outputs) => {
            const total = entry.maybe('total_norm')
            if (total) {
              const error = relativeError(outputs.get('total_norm')!.values, [total.number()])
              context.check({ name: `${name}, total_norm`, run, error, bound })
            }
            for (const [param, expected] of entry.at('clipped').entries()) {
              const error = relativeError(outputs.get(param)!.values, expected.numbers())
              context.check({ name: `${name}, ${param}`, run, error, bound })
            }
          },
        )
        for (const t of [...values, ...grads]) t.dispose()
      })
    }
  },
}

type Named = { readonly [name: string]: Tensor }

function clip(entry: Field, values: readonly Tensor[], grads: readonly Tensor[], params: readonly { name: string }[]): Named {
  const named = (clipped: readonly Tensor[]): Named => Object.fromEntries(params.map(({ name }, i) => [name, clipped[i]]))
  const limit = entry.at('value').number()
  const mode = entry.at('mode').oneOf('norm', 'value', 'agc')
  if (mode === 'value') return named(clipByValue(grads, limit))
  if (mode === 'agc') return named(clipAdaptively(values, grads, limit, entry.maybe('eps')?.number()))
  const kind = entry.maybe('norm_type')?.value ?? 2
  if (kind !== 2 && kind !== 'inf') throw new NotSupportedError(`norm_type ${JSON.stringify(kind)}`)
  const { grads: clipped, norm } = clipByNorm(grads, limit, kind === 'inf' ? 'max' : 'l2')
  return { ...named(clipped), total_norm: norm }
}

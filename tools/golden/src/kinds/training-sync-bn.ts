import { BatchNorm2d, captureBuffers } from '@scanline/nn'
import { mul, permute, slice, sum, type Tensor, tensor, valueAndGrad } from '@scanline/tensor'
import { distributeStatistics } from '@scanline/train'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { relativeError } from '../compare.js'
import { fillInput, fillState } from '../fill.js'
import { type Kind, noteUnknown } from '../kind.js'

/** Batch norm of a batch that lies on several ranks: normalised as a whole, or apart with statistics averaged afterwards. */
export const trainingSyncBn: Kind = {
  name: 'batch norm across ranks',
  matches: (file) => file.isRecord() && file.record()['kind'] === 'training' && file.has('synchronized') && file.has('reduce'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'shape', 'synchronized', 'reduce'])
    const { backend: device, dtype } = context.device
    const salt = file.at('salt').string()
    const shape = file.at('shape').shape()
    const [world, perRank] = [file.at('world').count(), file.at('per_rank').count()]
    using norm = new BatchNorm2d(shape[1], {
      device,
      dtype,
      eps: file.at('eps').number(),
      momentum: file.at('momentum').number(),
    })
    const entries = [...norm.stateDict()].map(([name, t]) => ({ name, shape: t.shape }))
    await norm.loadStateDict(fillState(entries, salt))
    norm.train()
    const [x, dy] = ['input', 'dy'].map((name) => tensor(fillInput(name, shape, salt), { shape, device, dtype }))
    const whole = file.at('synchronized')
    const bound = boundOf(context.device, whole.maybe('float32_error'), file.maybe('float32_error'))

    const step = (image: Tensor, upstream: Tensor) => {
      let output: Tensor | undefined
      const { result, buffers } = captureBuffers(norm, () =>
        valueAndGrad(() => {
          output = norm.forward(channelsLast(image))
          return sum(mul(channelsFirst(output), upstream))
        }, [image, norm.weight, norm.bias]),
      )
      const [input, weight, bias] = result.grads
      return {
        output: channelsFirst(output!),
        grad_input: input,
        grad_weight: weight,
        grad_bias: bias,
        running_mean: buffers.running_mean,
        running_var: buffers.running_var,
      }
    }
    await execute(context, 'synchronized', step, [x, dy], (run, outputs) => {
      for (const [name, expected] of whole.entries().filter(([name]) => outputs.has(name)))
        context.check({
          name: `synchronized.${name}`,
          run,
          error: relativeError(outputs.get(name)!.values, expected.numbers()),
          bound,
        })
    })

    const reduced = file.at('reduce')
    const apart = (image: Tensor) => {
      const ranks = Array.from({ length: world }, (_, r) => {
        const part = channelsLast(slice(image, 0, r * perRank, (r + 1) * perRank))
        const { buffers } = captureBuffers(norm, () => norm.forward(part))
        return [buffers.running_mean, buffers.running_var]
      })
      const [mean, variance] = distributeStatistics(ranks)
      const each = ranks.flatMap(([m, v], r) => [[`mean ${r}`, m] as const, [`var ${r}`, v] as const])
      return { running_mean: mean, running_var: variance, ...Object.fromEntries(each) }
    }
    await execute(context, 'reduce', apart, [x], (run, outputs) => {
      const compare = (name: string, found: string, expected: readonly number[]): void =>
        context.check({ name: `reduce.${name}`, run, error: relativeError(outputs.get(found)!.values, expected), bound })
      for (const kind of ['mean', 'var'] as const) {
        compare(`running_${kind}`, `running_${kind}`, reduced.at(`running_${kind}`).numbers())
        for (const [r, row] of (reduced.maybe(`per_rank_running_${kind}`)?.list() ?? []).entries())
          compare(`per_rank_running_${kind}[${r}]`, `${kind} ${r}`, row.numbers())
      }
    })
    x.dispose()
    dy.dispose()
  },
}

const channelsLast = (x: Tensor): Tensor => permute(x, [0, 2, 3, 1])
const channelsFirst = (x: Tensor): Tensor => permute(x, [0, 3, 1, 2])

import { tensor, valueAndGrad } from '@scanline/tensor'
import { mixTargets } from '@scanline/train'
import { boundOf } from '../cases/bound.js'
import { execute } from '../cases/execute.js'
import { compareTensor, relativeError } from '../compare.js'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference } from '../reference.js'
import { lossOf } from '../training/loss.js'
import { isTraining } from '../training/match.js'

/** Losses with the gradients of their inputs. */
export const trainingLosses: Kind = {
  name: 'losses',
  matches: (file) => isTraining(file, 'cases', 'loss', 'inputs', 'grad'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'cases', 'labels', 'mixed_target'])
    checkMixedTarget(context, file)
    for (const [i, entry] of file.at('cases').list().entries()) {
      const name = `cases[${i}] ${entry.at('name').string()}`
      await context.part(name, () => runCase(context, file, entry, name))
    }
  },
}

/** Row i: lam · q(labels[i]) + (1 - lam) · q(labels[N - 1 - i]). In doubles, unlike what a loader makes. */
function mixedTarget(file: Field): Float64Array {
  const [labels, classes] = [file.at('labels').shape(), file.at('classes').count()]
  const [lam, smoothing] = [file.at('lam').number(), file.at('smoothing').number()]
  const q = (label: number, c: number) => smoothing / classes + (label === c ? 1 - smoothing : 0)
  return Float64Array.from({ length: labels.length * classes }, (_, k) => {
    const [i, c] = [Math.floor(k / classes), k % classes]
    return lam * q(labels[i], c) + (1 - lam) * q(labels[labels.length - 1 - i], c)
  })
}

function checkMixedTarget(context: Context, file: Field): void {
  const stored = file.maybe('mixed_target')
  if (!stored) return
  const reference = readReference(stored)
  context.check({ name: 'mixed_target', bound: 1e-14, ...compareTensor(reference.shape, mixedTarget(file), reference) })
  const plan = file
    .at('labels')
    .list()
    .map(() => ({ share: file.at('lam').number() }))
  const made = mixTargets(file.at('labels').shape(), file.at('classes').count(), plan, file.at('smoothing').number())
  context.check({ name: 'mixed_target, float32', bound: 1e-7, ...compareTensor(reference.shape, made, reference) })
}

async function runCase(context: Context, file: Field, entry: Field, name: string): Promise<void> {
  await noteUnknown(context, entry, ['args', 'inputs', 'grad'])
  const { backend: device, dtype } = context.device
  const salt = file.at('salt').string()
  const [batch, classes] = [file.at('batch').count(), file.at('classes').count()]
  const scaled = (key: string, shape: readonly number[]) => tensor(fillInput(key, shape, salt, 4), { shape, device, dtype })
  const inputs = entry
    .at('inputs')
    .entries()
    .map(([key, shape]) => ({ key, tensor: scaled(key, shape.shape()) }))
  const labels = entry.at('args').maybe('labels')
  const fixed = {
    labels: labels && tensor(labels.shape(), { device, dtype: 'i32' }),
    mixed: tensor(mixedTarget(file), { shape: [batch, classes], device, dtype }),
    teacher: scaled('teacher', [batch, classes]),
    averaged: scaled('ema', [batch, classes]),
  }
  const loss = lossOf(entry)
  const at = (key: string) => inputs.findIndex((input) => input.key === key)
  const bound = boundOf(context.device, entry.maybe('float32_error'))
  await execute(
    context,
    name,
    (...all) => {
      const { value, grads } = valueAndGrad(
        () => loss({ ...fixed, logits: all[at('logits')], logitsKd: at('logits_kd') < 0 ? undefined : all[at('logits_kd')] }),
        all,
      )
      return { loss: value, ...Object.fromEntries(inputs.map(({ key }, i) => [key, grads[i]])) }
    },
    inputs.map((input) => input.tensor),
    (run, outputs) => {
      context.check({ name, run, error: relativeError(outputs.get('loss')!.values, [entry.at('loss').number()]), bound })
      for (const [key, expected] of entry.at('grad').entries())
        context.check({ name: `${name}, ${key}`, run, error: relativeError(outputs.get(key)!.values, expected.numbers()), bound })
    },
  )
  for (const t of [...inputs.map((input) => input.tensor), ...Object.values(fixed)]) t?.dispose()
}

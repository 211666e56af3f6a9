import { add, crossEntropy, type Tensor } from '@scanline/tensor'
import {
  binaryCrossEntropy,
  combinedLoss,
  hardDistillation,
  jensenShannonLoss,
  labelSmoothingLoss,
  mesaEfficientViM,
  mesaMambaVision,
  smoothedTargets,
  softDistillation,
} from '@scanline/train'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'

/** What a case's loss may read. */
export interface LossTensors {
  readonly logits: Tensor
  readonly logitsKd: Tensor | undefined
  readonly labels: Tensor | undefined
  readonly mixed: Tensor
  readonly teacher: Tensor
  readonly averaged: Tensor
}

/** The loss of a case by its name and arguments. */
export function lossOf(entry: Field): (given: LossTensors) => Tensor {
  const args = entry.at('args')
  const name = entry.at('name').string()
  const number = (key: string, fallback: number) => args.maybe(key)?.number() ?? fallback
  const smoothing = number('smoothing', 0)
  const binary = {
    ...(args.maybe('target_threshold') && { threshold: args.at('target_threshold').number() }),
    ...(args.maybe('sum_classes')?.boolean() && { sumClasses: true }),
    ...(args.maybe('pos_weight') && { posWeight: args.at('pos_weight').number() }),
  }
  switch (name) {
    case 'cross_entropy':
      return ({ logits, labels }) => crossEntropy(logits, labels!)
    case 'label_smoothing_cross_entropy':
      return ({ logits, labels }) => labelSmoothingLoss(logits, labels!, smoothing)
    case 'soft_target_cross_entropy':
      return ({ logits, mixed }) => crossEntropy(logits, mixed)
    case 'bce_any_positive_is_one':
      return ({ logits, mixed }) => binaryCrossEntropy(logits, mixed, { threshold: 0 })
    case 'distillation_soft':
    case 'distillation_hard': {
      const [alpha, tau] = [number('alpha', 0.5), number('tau', 1)]
      const base = baseOf(args, smoothing)
      return (given) => {
        const { logits, logitsKd, teacher } = given
        const student = logitsKd ?? logits
        const distillation =
          name === 'distillation_soft' ? softDistillation(student, teacher, tau) : hardDistillation(student, teacher)
        return combinedLoss(base(given), distillation, alpha)
      }
    }
    case 'mesa_mambavision':
      return ({ logits, mixed, averaged }) =>
        add(crossEntropy(logits, mixed), mesaMambaVision(logits, averaged, args.at('mesa').number()))
    case 'mesa_efficientvim':
      return ({ logits, mixed, averaged }) =>
        add(crossEntropy(logits, mixed), mesaEfficientViM(logits, averaged, args.at('mesa').number()))
    case 'jsd_cross_entropy':
      return ({ logits, labels }) =>
        jensenShannonLoss(logits, labels!, {
          splits: number('num_splits', 3),
          alpha: number('alpha', 12),
          smoothing: number('smoothing', 0.1),
        })
    default:
      if (!name.startsWith('binary_cross_entropy')) throw new NotSupportedError(`the loss ${JSON.stringify(name)}`)
      return ({ logits, labels, mixed }) =>
        binaryCrossEntropy(logits, labels ? smoothedTargets(labels, logits, smoothing) : mixed, binary)
  }
}

/** What a distillation is mixed with. */
function baseOf(args: Field, smoothing: number): (given: LossTensors) => Tensor {
  const name = args.maybe('base')?.string() ?? 'soft_target_cross_entropy'
  if (name === 'soft_target_cross_entropy') return ({ logits, mixed }) => crossEntropy(logits, mixed)
  if (name === 'label_smoothing_cross_entropy') return ({ logits, labels }) => labelSmoothingLoss(logits, labels!, smoothing)
  if (name === 'cross_entropy') return ({ logits, labels }) => crossEntropy(logits, labels!)
  throw new NotSupportedError(`${args.path}.base ${JSON.stringify(name)}`)
}

import { csvLine } from './csv.js'
import { pythonFloat } from './python-number.js'

/** Figures by name, in the order of their columns. */
export type Figures = Readonly<Record<string, number>>

export interface EpochSummary {
  readonly epoch: number
  readonly train: Figures
  readonly eval: Figures
  /** Newer timm writes it in a last column. */
  readonly lr?: number
}

/**
 * The header of `summary.csv` for figures of these names. Specification: training 12.
 *
 * @example
 * summaryHeader({ epoch: 0, train: { loss: 6.5 }, eval: { loss: 5.25, top1: 10.5, top5: 20.25 } })
 * // 'epoch,train_loss,eval_loss,eval_top1,eval_top5\r\n'
 */
export const summaryHeader = (summary: EpochSummary): string =>
  csvLine([
    'epoch',
    ...Object.keys(summary.train).map((name) => `train_${name}`),
    ...Object.keys(summary.eval).map((name) => `eval_${name}`),
    ...(summary.lr === undefined ? [] : ['lr']),
  ])

/** The line of one epoch. */
export const summaryLine = ({ epoch, train, eval: evaluation, lr }: EpochSummary): string =>
  csvLine([
    String(epoch),
    ...[...Object.values(train), ...Object.values(evaluation), ...(lr === undefined ? [] : [lr])].map(pythonFloat),
  ])

import { compareNatural, decayBatchSize, worthRetrying } from '@scanline/datasets'
import {
  Average,
  accuracy,
  type EpochSummary,
  RealAccuracy,
  resultsCsv,
  selectClasses,
  summaryHeader,
  summaryLine,
} from '@scanline/metrics'
import type { Field } from '../field.js'
import { fillInput } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { isTraining } from '../training/match.js'

type Part = (value: Field, file: Field, context: Context, name: string) => void

const expectText = (context: Context, name: string, found: string, expected: string): void =>
  context.check({ name, error: found === expected ? 0 : 1, bound: 0, ...(found !== expected && { note: JSON.stringify(found) }) })

/** The reference computes percentages in float32. */
function expectPercent(context: Context, name: string, found: readonly number[], expected: readonly number[]): void {
  const apart = expected.map((value, i) => Math.abs(Math.fround(found[i] ?? Number.NaN) - Math.fround(value)))
  context.check({ name, error: Math.max(...apart), bound: 1e-5 })
}

function logitsOf(file: Field): { logits: Float32Array; samples: number; classes: number } {
  const [samples, classes] = [file.at('N').count(), file.at('C').count()]
  return { logits: fillInput('logits', [samples, classes], file.at('salt').string()), samples, classes }
}

const figures = (field: Field): Record<string, number> =>
  Object.fromEntries(field.entries().map(([key, value]) => [key, value.number()]))

function summaries(file: Field): EpochSummary[] {
  return file
    .at('summary_rows')
    .list()
    .map((row) => {
      const [epoch, train, evaluation] = row.tuple(3)
      return { epoch: epoch.count(), train: figures(train), eval: figures(evaluation) }
    })
}

const parts: Readonly<Record<string, Part>> = {
  accuracy: (value, file, context, name) => {
    const { logits, classes } = logitsOf(file)
    const found = accuracy(logits, classes, file.at('labels').shape(), value.at('topk').shape())
    expectPercent(context, name, found, value.at('values').numbers())
  },
  accuracy_fewer_classes_than_k: (value, file, context, name) => {
    const { logits, classes } = logitsOf(file)
    const few = value.at('classes').count()
    const narrow = selectClasses(
      logits,
      classes,
      Array.from({ length: few }, (_, i) => i),
    )
    const found = accuracy(narrow, few, value.at('labels').shape(), value.at('topk').shape())
    expectPercent(context, name, found, value.at('values').numbers())
  },
  average_meter: (value, _file, context, name) => {
    const average = new Average()
    const errors = value.list().flatMap((row) => {
      average.update(row.at('value').number(), row.at('n').number())
      const { last, mean, sum, count } = average
      return Object.entries({ val: last, avg: mean, sum, count }).map(([key, found]) => Math.abs(found - row.at(key).number()))
    })
    context.check({ name, error: Math.max(0, ...errors), bound: 1e-12 })
  },
  real_accuracy: (value, file, context, name) => {
    const { logits, samples, classes } = logitsOf(file)
    const ks = value.keys().map(Number)
    const real = new RealAccuracy(
      file
        .at('real')
        .list()
        .map((labels) => labels.shape()),
      ks,
    )
    for (let i = 0; i < samples; i++) real.update(logits.subarray(i * classes, (i + 1) * classes), i)
    expectPercent(
      context,
      name,
      real.percent,
      ks.map((k) => value.at(String(k)).number()),
    )
  },
  summary_csv: (value, file, context, name) => {
    const rows = summaries(file)
    expectText(context, name, summaryHeader(rows[0]) + rows.map(summaryLine).join(''), value.string())
  },
  summary_csv_with_lr: (value, file, context, name) => {
    // The learning rate stands in the file's text only.
    const lr = Number(/,([^,]*)\r\n$/.exec(value.string())?.[1])
    const row = { ...summaries(file)[0], lr }
    expectText(context, name, summaryHeader(row) + summaryLine(row), value.string())
  },
  results_csv: (value, file, context, name) => {
    const row = file.at('results_row').entries()
    const cells = row.map(([key, cell]) => [key, typeof cell.value === 'string' ? cell.string() : cell.number()] as const)
    expectText(context, name, resultsCsv([Object.fromEntries(cells)]), value.string())
  },
  batch_size_decay: (value, _file, context, name) => {
    for (const [key, sizes] of value.entries()) {
      const [, start, steps, odd] =
        /^start=(\d+),num_intra_steps=(\d+),no_odd=(\w+)$/.exec(key) ?? sizes.fail('unknown arguments')
      const found: number[] = []
      for (let n = Number(start); n > 0; n = decayBatchSize(n, { steps: Number(steps), noOdd: odd === 'True' })) found.push(n)
      expectText(context, `${name} ${key}`, String(found), String(sizes.shape()))
    }
  },
  batch_size_retry: (value, _file, context, name) => {
    const wrong = value.entries().filter(([message, retry]) => worthRetrying(message) !== retry.boolean())
    context.check({ name, error: wrong.length, bound: 0 })
  },
  natural_sorted: (value, file, context, name) =>
    expectText(context, name, String(file.at('natural_order_input').strings().sort(compareNatural)), String(value.strings())),
}
/** What the parts above read beside their own field. */
const inputs = ['readme', 'labels', 'real', 'summary_rows', 'results_row', 'natural_order_input']

/** Accuracy, averages, tables, batch sizes, natural order. */
export const metrics: Kind = {
  name: 'metrics',
  matches: (file) => isTraining(file, 'average_meter', 'val') && file.has('accuracy'),
  run: async (file, context) => {
    for (const [name, part] of Object.entries(parts)) {
      const value = file.maybe(name)
      if (value) await context.part(name, () => part(value, file, context, name))
    }
    await noteUnknown(context, file, [...Object.keys(parts), ...inputs])
  },
}

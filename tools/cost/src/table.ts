import type { Cost, Part } from './count.js'
import type { Size } from './families.js'
import { type ModelSequences, type StageSequence, tasks } from './sequence.js'

/** Rows with their titles first. The first column is text, the others are numbers. */
export type Rows = readonly (readonly string[])[]

/** Columns aligned for a terminal, or as a table of Markdown. */
export function formatRows(rows: Rows, markdown = false): string {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)))
  const cells = rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))))
  if (!markdown) return cells.map((row) => `${row.join('  ').trimEnd()}\n`).join('')
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [cells[0], rule, ...cells.slice(1)].map((row) => `| ${row.join(' | ')} |\n`).join('')
}

const whole = (n: number): string => n.toLocaleString('en-US')
const giga = (n: number): string => (n === 0 ? '' : n / 1e9 < 0.0005 ? '0.000' : (n / 1e9).toFixed(3))
export const sizeName = ([height, width]: Size): string => (height === width ? String(height) : `${height}×${width}`)
/** Names of one family, the family's prefix once: `mambaout_femto, kobe`. */
export const groupName = ([first, ...others]: readonly string[]): string =>
  [first, ...others.map((name) => name.replace(/^(mambaout|mamba_vision|vim|efficientvim)_/, ''))].join(', ')
const percent = (share: number): string => (share === 0 ? '' : `${(100 * share).toFixed(1)} %`)

/** One row a model: what its authors count, what they print, and all there is. */
export function costRows(costs: readonly Cost[]): Rows {
  const rows = costs.map((cost) => [
    cost.model,
    sizeName(cost.size),
    whole(cost.params),
    giga(cost.publishedMacs),
    cost.published === undefined ? '' : String(Number((cost.published / 1e9).toPrecision(6))),
    giga(cost.macs),
    percent((cost.macsByKind.attention + cost.macsByKind.matmul) / cost.macs),
    percent(cost.macsByKind.scan / cost.macs),
    giga(cost.otherFlops),
    giga(cost.flops),
  ])
  const titles = [
    'model',
    'size',
    'params',
    'GMAC by its rule',
    'printed',
    'GMAC exact',
    'attention, products',
    'scan',
    'other GFLOP',
    'GFLOP',
  ]
  return [titles, ...rows]
}

/** One row a part of a model, with its share of the multiply-adds. */
export function partRows(parts: readonly Part[], what: string): Rows {
  const total = parts.reduce((n, { macs }) => n + macs, 0)
  return [
    [what, 'params', 'ops', 'GMAC', 'share', 'other GFLOP', 'GFLOP'],
    ...parts.map(({ name, params, calls, macs, flops }) => [
      name,
      params === 0 ? '' : whole(params),
      calls === 0 ? '' : String(calls),
      giga(macs),
      percent(macs / Math.max(1, total)),
      giga(flops - 2 * macs),
      giga(flops),
    ]),
  ]
}

/** `4000`, or `4000 → 12544` where attention or scan mixes another number of tokens; and the ratio, marked where it is long. */
const sequence = ({ tokens, ratio, long, mixed }: StageSequence): string[] => [
  `${tokens}${mixed === undefined ? '' : ` → ${mixed}`}`,
  `${long ? 'long ' : ''}${ratio.toFixed(ratio < 0.1 ? 3 : 2)}`,
]

/** One row a stage, two columns a task. */
export function sequenceRows(groups: readonly ModelSequences[]): Rows {
  const titles = ['models', 'stride', 'D', '6 D', ...tasks.flatMap(({ size }) => [`L at ${sizeName(size)}`, 'L / 6 D'])]
  const rows = groups.flatMap(({ models, tasks: found }) =>
    found.classification.map(({ stride, width, threshold }, i) => [
      i === 0 ? groupName(models) : '',
      String(stride),
      String(width),
      String(threshold),
      ...tasks.flatMap(({ name }) => sequence(found[name][i])),
    ]),
  )
  return [titles, ...rows]
}

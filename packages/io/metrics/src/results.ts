import { csvLine } from './csv.js'
import { pythonFloat, pythonRound } from './python-number.js'

export interface Validation {
  readonly model: string
  /** In percent. */
  readonly top1: number
  readonly top5: number
  readonly parameters: number
  /** Side of the images in pixels. */
  readonly imageSize: number
  readonly cropPct: number
  readonly interpolation: string
  /** Its file, where many checkpoints are validated. */
  readonly checkpoint?: string
}

/** A row of the validation results: accuracies to four decimals, parameters in millions to two. */
export type ResultsRow = Readonly<Record<string, string | number>>

/** Columns that hold whole numbers; all other numbers are floats. */
const WHOLE = ['img_size']

/** Specification: training 13. */
export function resultsRow(v: Validation): ResultsRow {
  return {
    model: v.model,
    top1: pythonRound(v.top1, 4),
    top1_err: pythonRound(100 - v.top1, 4),
    top5: pythonRound(v.top5, 4),
    top5_err: pythonRound(100 - v.top5, 4),
    param_count: pythonRound(v.parameters / 1e6, 2),
    img_size: v.imageSize,
    crop_pct: v.cropPct,
    interpolation: v.interpolation,
    ...(v.checkpoint !== undefined && { checkpoint: v.checkpoint }),
  }
}

/** The results file: a header from the first row, then the rows in the order given. */
export function resultsCsv(rows: readonly ResultsRow[]): string {
  const columns = Object.keys(rows[0] ?? {})
  const cell = (name: string, value: string | number | undefined): string =>
    typeof value === 'number' && !WHOLE.includes(name) ? pythonFloat(value) : String(value ?? '')
  return [csvLine(columns), ...rows.map((row) => csvLine(columns.map((name) => cell(name, row[name]))))].join('')
}

/** The order of a file of many models: best first. */
export const byTop1 = (rows: readonly ResultsRow[]): ResultsRow[] =>
  [...rows].sort((a, b) => Number(b['top1']) - Number(a['top1']))

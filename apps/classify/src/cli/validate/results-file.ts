import { saveChunks } from '@scanline/checkpoint/node'
import { byTop1, type ResultsRow, resultsCsv } from '@scanline/metrics'
import { chunks } from '../train/settings.js'

/** Writes results as a table or as JSON, all or nothing; those of several models with the best first. */
export function saveResults(
  path: string,
  rows: readonly ResultsRow[],
  { format, bulk }: { format: 'csv' | 'json'; bulk: boolean },
): Promise<void> {
  const sorted = bulk ? byTop1(rows) : rows
  return saveChunks(path, chunks(format === 'csv' ? resultsCsv(sorted) : `${resultsJson(sorted, bulk)}\n`))
}

/** One record, or a list of them. */
export const resultsJson = (rows: readonly ResultsRow[], bulk: boolean): string =>
  JSON.stringify(bulk ? rows : rows[0], undefined, 4)

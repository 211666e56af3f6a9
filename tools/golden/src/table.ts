import { type Check, holds } from './kind.js'
import type { FileResult } from './run.js'

/** 1.23e-7; whole numbers as they are. */
export const formatError = (error: number): string =>
  error !== 0 && Number.isFinite(error) && !Number.isInteger(error) ? error.toExponential(2) : String(error)

/** What came of a file, for a person: a line a tensor, the errors of its runs side by side. */
export function formatFile({ file, kind, checks, notSupported, problem, status, seconds }: FileResult): string {
  const lines = [`${file}${kind ? ` (${kind})` : ''}`]
  if (problem !== undefined) return `${problem}\n`
  if (checks.length > 0) lines.push(...formatChecks(checks).map((line) => `  ${line}`))
  for (const what of notSupported) lines.push(`  not supported yet: ${what}`)
  const broken = checks.filter((check) => !holds(check)).length
  const sum = broken > 0 ? `${broken} of ${checks.length} checks broken` : `${checks.length} checks hold`
  if (checks.length > 0) lines.push(`  ${status === 'holds' ? 'holds' : status}: ${sum}, ${seconds.toFixed(1)} s`)
  return `${lines.join('\n')}\n`
}

function formatChecks(checks: readonly Check[]): string[] {
  const runs = [...new Set(checks.map((check) => check.run ?? 'error'))]
  const rows = new Map<string, Check[]>()
  for (const check of checks) {
    const row = rows.get(check.name)
    if (row) row.push(check)
    else rows.set(check.name, [check])
  }
  const cells = [...rows].map(([name, row]) => {
    const errors = runs.map((run) => {
      const check = row.find((c) => (c.run ?? 'error') === run)
      return check ? formatError(check.error) : ''
    })
    const notes = [...new Set(row.map((check) => check.note).filter((note) => note !== undefined))]
    return [name, ...errors, formatError(row[0].bound), row.every(holds) ? '' : 'BROKEN', notes.join('; ')]
  })
  return align([['tensor', ...runs, 'bound', '', ''], ...cells])
}

/** Names to the left, numbers to the right, remarks to the left again. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const remarks = widths.length - 2
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 || column >= remarks ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}

/** The last line: how many files of each status. */
export function formatSummary(results: readonly Pick<FileResult, 'status'>[]): string {
  const counts = new Map<string, number>()
  for (const { status } of results) counts.set(status, (counts.get(status) ?? 0) + 1)
  const parts = [...counts].map(([status, n]) => `${n} ${n === 1 || status !== 'holds' ? status : 'hold'}`)
  return `${results.length} ${results.length === 1 ? 'file' : 'files'}: ${parts.join(', ') || 'nothing to run'}\n`
}

import type { Case, Outcome } from './cases.js'

export interface CaseResult {
  readonly op: string
  readonly name: string
  readonly check: string
  readonly outcome: Outcome
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** What a suite found. */
export interface Report extends Readonly<Counts> {
  readonly backend: string
  readonly results: readonly CaseResult[]
  /** How many cases there are; fewer ran if only a share was asked for. */
  readonly all: number
  /** Counts by op. */
  readonly ops: ReadonlyMap<string, Readonly<Counts>>
  /** How often each reason for a skip was given. */
  readonly reasons: ReadonlyMap<string, number>
}

export function makeReport(backend: string, results: readonly CaseResult[], all: number): Report {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  const ops = new Map<string, Counts>()
  const reasons = new Map<string, number>()
  for (const { op, outcome } of results) {
    const own = ops.get(op) ?? { passed: 0, failed: 0, skipped: 0 }
    ops.set(op, own)
    for (const counts of [total, own]) counts[outcome.status]++
    if (outcome.status === 'skipped') reasons.set(outcome.reason, (reasons.get(outcome.reason) ?? 0) + 1)
  }
  return { backend, results, all, ...total, ops, reasons }
}

export const resultOf = ({ op, name, check }: Case, outcome: Outcome): CaseResult => ({ op, name, check, outcome })

/** The report for a person to read: a line an op, then every failure, then every reason for a skip. */
export function formatReport({ backend, all, passed, failed, skipped, ops, results, reasons }: Report): string {
  const width = Math.max(4, ...[...ops.keys()].map((op) => op.length))
  const row = (op: string, ...cells: (string | number)[]) =>
    `${op.padEnd(width)}${cells.map((c) => String(c).padStart(9)).join('')}`
  const failures = results.flatMap(({ op, name, check, outcome }) =>
    outcome.status === 'failed' ? [`failed: ${op}, ${name}, ${check}: ${outcome.error.message}`] : [],
  )
  const sorted = [...reasons].sort((a, b) => b[1] - a[1])
  return [
    `${backend}: ${passed} passed, ${failed} failed, ${skipped} skipped; ${results.length} of ${all} cases`,
    row('op', 'passed', 'failed', 'skipped'),
    ...[...ops].map(([op, counts]) => row(op, counts.passed, counts.failed, counts.skipped)),
    ...failures,
    ...sorted.map(([reason, n]) => `skipped ${n}: ${reason}`),
  ].join('\n')
}

import type { Backend } from '@scanline/tensor'
import { type ConformanceOptions, planCases, Session } from './cases.js'
import { type CaseResult, makeReport, type Report, resultOf } from './report.js'

/**
 * Runs the suite and gives what it found; a case that does not hold is counted, not thrown. The backend is disposed.
 *
 * @example
 * const report = await runConformance(() => new ReferenceBackend(), { share: 0.1 })
 * console.log(formatReport(report))
 */
export async function runConformance(
  createBackend: () => Backend | Promise<Backend>,
  options: ConformanceOptions = {},
): Promise<Report> {
  const session = new Session(await createBackend(), options)
  const results: CaseResult[] = []
  const { cases, all } = planCases(options)
  for (const one of cases) results.push(resultOf(one, await one.run(session)))
  return makeReport(session.backend.name, results, all)
}

import type { Backend } from '@scanline/tensor'
import { type ConformanceOptions, planCases, Session } from './cases.js'
import { type CaseResult, formatReport, makeReport, resultOf } from './report.js'

// There is one wherever a test runner is; its types come with node or the DOM, of which this package needs neither.
declare const console: { log(text: string): void }

/** What the suite needs of a test runner: vitest's, jest's, `node:test`'s and bun's functions all fit. */
export interface TestApi {
  describe(name: string, body: () => void): unknown
  it(name: string, body: (...context: readonly unknown[]) => Promise<void>): unknown
}

/**
 * Registers the suite with a test runner, a test for each check of each sample. The backend is made for the first test
 * and disposed by the last, which prints the counts and every reason for a skip.
 *
 * @example
 * import { describe, it } from 'vitest'
 * conformance(() => createMyBackend(), {}, { describe, it })
 */
export function conformance(
  createBackend: () => Backend | Promise<Backend>,
  options: ConformanceOptions & {
    /** Takes the report; prints it unless told otherwise. */
    readonly log?: (text: string) => void
  },
  { describe, it }: TestApi,
): void {
  const { log = console.log } = options
  let started: Promise<Session> | undefined
  const session = (): Promise<Session> =>
    (started ??= Promise.resolve(createBackend()).then((backend) => new Session(backend, options)))
  const results: CaseResult[] = []
  const { cases, all } = planCases(options)
  for (const op of new Set(cases.map((one) => one.op))) {
    describe(op, () => {
      for (const one of cases.filter((c) => c.op === op)) {
        it(`${one.name}: ${one.check}`, async (...context) => {
          const outcome = await one.run(await session())
          results.push(resultOf(one, outcome))
          if (outcome.status === 'failed') throw outcome.error
          if (outcome.status === 'skipped') skipTest(context[0], outcome.reason)
        })
      }
    })
  }
  describe('conformance', () => {
    it('report', async () => {
      const { backend } = await session()
      log(formatReport(makeReport(backend.name, results, all)))
    })
  })
}

/** Marks the running test as skipped where the runner can; where not, the report still counts it. */
function skipTest(context: unknown, reason: string): void {
  // vitest's context is a function with properties.
  const holder = typeof context === 'object' || typeof context === 'function' ? context : null
  if (holder && 'skip' in holder && typeof holder.skip === 'function') holder.skip(reason)
}

import type { Case, Runner } from './cases.js'
import type { Limits } from './limits/measure.js'
import type { Machine } from './machine.js'
import type { Profile } from './profile.js'
import type { Summary } from './statistics.js'
import type { Facts, MemoryFacts } from './subjects/subject.js'

/** One case on one runner. Either measured (`time`) or not (`notRun` says why). */
export interface Result {
  readonly name: string
  readonly what: Case
  readonly runner: Runner
  readonly notRun?: string
  readonly facts?: Facts
  /** Milliseconds of one run. */
  readonly time?: Summary
  /** Cores that other work took on average while this was timed; above some hundredths the times are not to be trusted. */
  readonly othersBusy?: number
  readonly imagesPerSecond?: number
  /** 10⁹ floating-point operations a second: multiply-adds for what has them (two each), else every operation. */
  readonly gflops?: number
  /** Of the multiply-add ceiling of as many threads. Only for what multiplies and adds. */
  readonly ceilingShare?: number
  /** 10⁹ bytes a second that the steps read and write. */
  readonly gbytes?: number
  /** Of the bandwidth of as many threads; above 1 where caches serve. */
  readonly bandwidthShare?: number
  readonly memory?: MemoryFacts
  /** Largest difference from Scanline's result with the first thread count, over its largest magnitude. */
  readonly difference?: number
}

export interface MeasuredLimits {
  readonly threads: number
  readonly before: Limits
  /** Absent when the run was interrupted. */
  readonly after?: Limits
}

/** Everything that a run found out: what `--json` writes. */
export interface Report {
  readonly schema: 1
  readonly date: string
  readonly command: readonly string[]
  readonly machine: Machine
  readonly limits: readonly MeasuredLimits[]
  readonly warnings: readonly string[]
  readonly peers: readonly { readonly name: string; readonly about: string }[]
  readonly results: readonly Result[]
  readonly profiles?: readonly {
    readonly name: string
    readonly what: Case
    readonly runner: Runner
    readonly profile: Profile
  }[]
  readonly interrupted: boolean
}

/** The limits that results are set against: the higher of both measurements. */
export function limitsFor(limits: readonly MeasuredLimits[], threads: number): { gflops: number; gbytes: number } | undefined {
  const found = limits.find((l) => l.threads === threads)
  if (!found) return undefined
  const best = (of: (l: Limits) => number): number => Math.max(of(found.before), found.after ? of(found.after) : 0)
  return { gflops: best((l) => l.gflops), gbytes: best((l) => l.gbytes) }
}

/** A result with what follows from its time, its cost and the machine's limits. */
export function withRates(
  result: Result,
  cost: Pick<Facts, 'flops' | 'multiplyAdds' | 'bytes'>,
  limits: readonly MeasuredLimits[],
): Result {
  if (!result.time) return result
  const { what, runner, time } = result
  const limit = limitsFor(limits, runner.threads)
  const rate = (n: number): number => n / time.median / 1e6
  const gflops = cost.flops ? rate(cost.multiplyAdds || cost.flops) : undefined
  // A peer runs a model in steps of its own.
  const gbytes = cost.bytes && (what.kind === 'kernel' || runner.name === 'scanline') ? rate(cost.bytes) : undefined
  return {
    ...result,
    ...(what.kind === 'model' && { imagesPerSecond: (1000 * what.batch) / time.median }),
    ...(gflops !== undefined && { gflops }),
    ...(gflops !== undefined && cost.multiplyAdds && limit && { ceilingShare: gflops / limit.gflops }),
    ...(gbytes !== undefined && { gbytes }),
    ...(gbytes !== undefined && limit && { bandwidthShare: gbytes / limit.gbytes }),
  }
}

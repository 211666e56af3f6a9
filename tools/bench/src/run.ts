import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Case, caseName, type Runner } from './cases.js'
import { enableFused, type Limits, measureLimits } from './limits/measure.js'
import { busyMs, busyWarning, describeMachine } from './machine.js'
import type { Peer } from './peers/peer.js'
import { type MeasuredLimits, type Report, type Result, withRates } from './report.js'
import type { Session } from './session.js'
import { summarize } from './statistics.js'
import type { Facts } from './subjects/subject.js'

export interface Plan {
  /** Cases of one group are timed in turns, round by round, so that a drift of the machine hits all of them alike. */
  readonly groups: readonly (readonly Case[])[]
  /** Scanline's: each is a runner of its own. */
  readonly devices: readonly string[]
  readonly threads: readonly number[]
  readonly peers: readonly Peer[]
  /** Runs to time at least. */
  readonly runs: number
  /** Milliseconds to time at least. */
  readonly minMs: number
  /** Milliseconds that warming up may take at most. */
  readonly warmUpMs: number
  readonly profile: boolean
  readonly command: readonly string[]
}

export interface Environment {
  newSession(signal?: AbortSignal): Session
  progress(text: string): void
  readonly signal?: AbortSignal
  /** For tests: what the machine can do at most need not be measured there. */
  measureLimits?(threads: number): Promise<Limits>
}

const rounds = 5
/** Milliseconds that one case on one runner is timed at most. */
const maxMs = 30_000
/** A peer whose result is further off than this computes something else. */
export const tolerance = 1e-3

/** Measures everything in the plan. When `signal` fires, what was measured so far is returned. */
export async function run(plan: Plan, environment: Environment): Promise<Report> {
  const { signal, progress } = environment
  enableFused()
  const machine = describeMachine()
  const busy = busyWarning(machine)
  const measure = environment.measureLimits ?? measureLimits
  const limits: MeasuredLimits[] = []
  const results: Result[] = []
  const profiles: NonNullable<Report['profiles']>[number][] = []
  const folder = await mkdtemp(join(tmpdir(), 'scanline-bench-'))
  try {
    for (const threads of plan.threads) {
      progress(`limits of ${threads} ${threads === 1 ? 'thread' : 'threads'}`)
      limits.push({ threads, before: await measure(threads) })
    }
    for (const group of plan.groups) {
      if (signal?.aborted) break
      if (plan.profile) profiles.push(...(await profileGroup(group, plan, environment)))
      else results.push(...(await measureGroup(group, plan, environment, folder)))
    }
    if (!signal?.aborted) {
      for (const [i, { threads }] of limits.entries()) limits[i] = { ...limits[i], after: await measure(threads) }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const ours = results.filter((r) => r.runner.name === 'scanline' && r.facts)
  // A peer does the work of a model in steps that it does not tell.
  const costOf = (result: Result): Partial<Facts> =>
    (ours.includes(result) ? result : ours.find((r) => r.name === result.name))?.facts ?? {}
  const drift = limits.flatMap(({ threads, before, after }) =>
    after && Math.abs(after.gflops / before.gflops - 1) > 0.05
      ? [
          `the multiply-add ceiling of ${threads} threads went from ${before.gflops.toFixed(1)} to ${after.gflops.toFixed(1)} GFLOP/s during the run`,
        ]
      : [],
  )
  const wrong = results.flatMap(({ name, runner, difference }) =>
    difference !== undefined && !(difference <= tolerance)
      ? [`${runner.name} with ${runner.threads} threads differs from scanline by ${difference.toExponential(1)} on ${name}`]
      : [],
  )
  const fewer = results.flatMap(({ name, runner, facts }) =>
    facts?.threads !== undefined && facts.threads !== runner.threads
      ? [`${runner.device} ran ${name} on ${facts.threads} instead of ${runner.threads} threads`]
      : [],
  )
  return {
    schema: 1,
    date: new Date().toISOString(),
    command: plan.command,
    machine,
    limits,
    warnings: [...(busy ? [busy] : []), ...drift, ...fewer, ...wrong],
    peers: plan.peers.map(({ name, about }) => ({ name, about })),
    results: results.map((result) => withRates(result, costOf(result), limits)),
    ...(plan.profile && { profiles }),
    interrupted: signal?.aborted ?? false,
  }
}

interface Entry {
  readonly what: Case
  readonly runner: Runner
  readonly session: Session
  readonly times: number[]
  /** Milliseconds spent on timing it, and of processor time that went elsewhere meanwhile. */
  ms: number
  othersMs: number
  facts?: Facts
  output?: Float32Array
  notRun?: string
}

async function measureGroup(group: readonly Case[], plan: Plan, environment: Environment, folder: string): Promise<Result[]> {
  const { newSession, progress, signal } = environment
  const entries: Entry[] = []
  const results: Result[] = []
  /** Runs a part for an entry; an error is the entry's, not the run's. */
  const attempt = async (entry: Entry, part: () => Promise<void>): Promise<void> => {
    if (entry.notRun !== undefined || signal?.aborted) return
    try {
      await part()
    } catch (error) {
      if (!signal?.aborted) entry.notRun = error instanceof Error ? error.message : String(error)
    }
  }
  try {
    for (const what of group) {
      for (const { runner, peer } of runners(plan)) {
        if (signal?.aborted) break
        const entry: Entry = { what, runner, session: newSession(signal), times: [], ms: 0, othersMs: 0 }
        entries.push(entry)
        const refused = peer?.refuses(what)
        if (refused !== undefined) entry.notRun = refused
        await attempt(entry, async () => {
          progress(`${caseName(what)}: ${label(runner)} starts`)
          if (peer?.prepare && runner.threads === plan.threads[0])
            await inOwnProcess(environment, (s) => s.prepare(peer.name, what, folder))
          Object.assign(entry, await entry.session.open(what, runner, folder))
          await entry.session.warmUp(plan.warmUpMs)
        })
      }
    }
    const budget = { runs: Math.ceil(plan.runs / rounds), ms: plan.minMs / rounds, maxMs: maxMs / rounds }
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        await attempt(entry, async () => {
          progress(`${caseName(entry.what)}: ${label(entry.runner)}, round ${round + 1} of ${rounds}`)
          const [start, busy] = [performance.now(), busyMs()]
          const { times, cpuMs } = await entry.session.round(budget)
          entry.times.push(...times)
          entry.ms += performance.now() - start
          entry.othersMs += busyMs() - busy - cpuMs
        })
      }
    }
    for (const entry of entries) {
      const { what, runner, facts, times, output, notRun } = entry
      const name = caseName(what)
      const base = { name, what, runner }
      if (notRun !== undefined) results.push({ ...base, notRun })
      if (notRun !== undefined || times.length === 0) continue
      const reference = entries.find((e) => e.what === what && e.runner.name === 'scanline')?.output
      const memory = await entry.session.memory().catch(() => undefined)
      results.push({
        ...base,
        ...(facts && { facts }),
        time: summarize(times),
        othersBusy: Math.max(0, entry.othersMs / entry.ms),
        ...(memory && { memory }),
        ...(reference && output && reference !== output && { difference: difference(output, reference) }),
      })
    }
  } finally {
    await Promise.all(entries.map((entry) => entry.session.close().catch(() => {})))
  }
  return results
}

async function profileGroup(group: readonly Case[], plan: Plan, environment: Environment) {
  const found: NonNullable<Report['profiles']>[number][] = []
  for (const what of group) {
    for (const { runner } of runners({ ...plan, peers: [] })) {
      if (environment.signal?.aborted) return found
      environment.progress(`profile of ${caseName(what)}: ${label(runner)}`)
      const profile = await inOwnProcess(environment, (session) =>
        session.profile(what, runner, { passes: plan.runs, ms: plan.minMs }),
      ).catch((error: unknown) => {
        if (!environment.signal?.aborted) throw error
      })
      if (profile) found.push({ name: caseName(what), what, runner, profile })
    }
  }
  return found
}

async function inOwnProcess<T>({ newSession, signal }: Environment, work: (session: Session) => Promise<T>): Promise<T> {
  const session = newSession(signal)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

/** Scanline on each device with each thread count, and each peer beside it. */
function runners({ devices, threads, peers }: Plan): { runner: Runner; peer?: Peer }[] {
  return threads.flatMap((count) => [
    ...devices.map((device) => ({ runner: { name: 'scanline', device, threads: count } })),
    ...peers.map((peer) => ({ peer, runner: { name: peer.name, device: peer.device, threads: count } })),
  ])
}

const label = ({ name, device, threads }: Runner): string =>
  `${name === 'scanline' ? `${name} ${device}` : name} on ${threads} ${threads === 1 ? 'thread' : 'threads'}`

/** Largest difference over the largest magnitude of the reference; infinite for results of two sizes. */
export function difference(values: Float32Array, reference: Float32Array): number {
  if (values.length !== reference.length) return Number.POSITIVE_INFINITY
  let apart = 0
  let largest = 0
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]) !== Number.isNaN(reference[i])) return Number.POSITIVE_INFINITY
    apart = Math.max(apart, Math.abs(values[i] - reference[i]) || 0)
    largest = Math.max(largest, Math.abs(reference[i]))
  }
  return apart === 0 ? 0 : apart / largest
}

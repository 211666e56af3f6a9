import type { Case, Runner } from './cases.js'
import { peerNamed } from './peers/index.js'
import { type Profile, type ProfileLength, profileModel } from './profile.js'
import { median, settled } from './statistics.js'
import { openKernel } from './subjects/kernel.js'
import { openModel } from './subjects/model.js'
import type { Facts, MemoryFacts, Subject } from './subjects/subject.js'

export interface Opened {
  readonly facts: Facts
  /** The result of a run, to be compared with what others get. */
  readonly output: Float32Array
}

/** How long to time: until both are reached, but no longer than the last. */
export interface Budget {
  readonly runs: number
  readonly ms: number
  readonly maxMs: number
  /** Nothing else ran since the last run, so that none is spent on filling the caches. */
  readonly warm?: boolean
}

export interface Round {
  /** Milliseconds of single runs. */
  readonly times: readonly number[]
  /** Milliseconds of processor time that this process took meanwhile, all threads together. */
  readonly cpuMs: number
}

/** One subject at a time, in this process or in one of its own. */
export interface Session {
  open(what: Case, runner: Runner, folder: string): Promise<Opened>
  /** Runs until times settle (the engine swaps in optimised code in the background), for `maxMs` milliseconds at most. */
  warmUp(maxMs: number): Promise<void>
  round(budget: Budget): Promise<Round>
  memory(): Promise<MemoryFacts>
  profile(what: Case, runner: Runner, length: ProfileLength): Promise<Profile>
  /** What a peer needs made beforehand. */
  prepare(peer: string, what: Case, folder: string): Promise<void>
  close(): Promise<void>
}

const warmUpWindowMs = 200

export function localSession(): Session {
  let subject: Subject | undefined
  const current = (): Subject => {
    if (!subject) throw new TypeError('open() comes first')
    return subject
  }
  return {
    async open(what, runner, folder) {
      if (runner.name !== 'scanline') subject = await peerNamed(runner.name).open(what, runner, folder)
      else subject = what.kind === 'model' ? await openModel(what, runner) : await openKernel(what, runner)
      return { facts: subject.facts, output: await subject.output() }
    },
    async warmUp(maxMs) {
      const start = performance.now()
      const medians: number[] = []
      while (!settled(medians) && performance.now() - start < maxMs) {
        medians.push(median(await timed(current(), { runs: 3, ms: warmUpWindowMs, maxMs })))
        // Lets background compilation hand its code over.
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async round(budget) {
      // The others had the caches since the last round.
      if (!budget.warm) await current().run()
      const before = process.cpuUsage()
      const times = await timed(current(), budget)
      const { user, system } = process.cpuUsage(before)
      return { times, cpuMs: (user + system) / 1000 }
    },
    memory: async () => current().memory(),
    profile: profileModel,
    prepare: async (peer, what, folder) => peerNamed(peer).prepare?.(what, folder),
    async close() {
      await subject?.close()
      subject = undefined
    },
  }
}

async function timed(subject: Subject, { runs, ms, maxMs }: Budget): Promise<number[]> {
  const times: number[] = []
  const begin = performance.now()
  for (;;) {
    const start = performance.now()
    await subject.run()
    const end = performance.now()
    times.push((end - start) / subject.repeats)
    if ((times.length >= runs && end - begin >= ms) || end - begin >= maxMs) return times
  }
}

import { type Backend, type DType, type Op, ReferenceBackend, UnsupportedError } from '@scanline/tensor'
import { samples as builtin, hash, type Sample } from '@scanline/tensor/samples'
import { deviceChecks, expectDisposable } from './checks/device.js'
import { type Check, checks as everyCheck } from './checks/index.js'
import { ConformanceError } from './compare.js'
import { Trial } from './trial.js'

export interface ConformanceOptions {
  /** Why a sample, or one check of it, is left out; undefined runs it. Every reason is counted and printed. */
  readonly skip?: (sample: Sample, check: string) => string | undefined
  /** The samples to run: those of `@scanline/tensor` unless told otherwise. */
  readonly samples?: readonly Sample[]
  /** Ops of those samples that are not in `@scanline/tensor`, for the reference. */
  readonly ops?: readonly Op[]
  /** Names of the checks to run, all unless told otherwise. */
  readonly checks?: readonly string[]
  /** From 0 to 1: runs that share of the cases, always the same ones. */
  readonly share?: number
}

export type Outcome =
  | { readonly status: 'passed' }
  | { readonly status: 'skipped'; readonly reason: string }
  | { readonly status: 'failed'; readonly error: Error }

/** One check of one sample (or of the device), not yet run. */
export interface Case {
  readonly op: string
  readonly name: string
  readonly check: string
  run(session: Session): Promise<Outcome>
}

/** A backend under test, and the reference beside it. */
export class Session {
  readonly backend: Backend
  readonly reference: ReferenceBackend
  readonly #baseline: number
  #last: Trial | undefined

  constructor(backend: Backend, { ops = [] }: ConformanceOptions) {
    this.backend = backend
    this.reference = new ReferenceBackend({ ops })
    this.#baseline = backend.memory().buffers
  }
  /** Cases of one sample follow one another and share its results. */
  trial(sample: Sample): Trial {
    if (this.#last?.sample !== sample) this.#last = new Trial(sample, this.backend, this.reference)
    return this.#last
  }
  async expectBaseline(): Promise<void> {
    await this.backend.done()
    const { buffers } = this.backend.memory()
    if (buffers !== this.#baseline)
      throw new ConformanceError(`${buffers} buffers live at the end, ${this.#baseline} at the start`)
  }
}

/** The cases of a suite, in order, and how many there would be without `share`. */
export function planCases({ skip, samples = builtin, checks, share = 1 }: ConformanceOptions): { cases: Case[]; all: number } {
  const chosen = everyCheck.filter(({ name }) => !checks || checks.includes(name))
  const sampled = samples.flatMap((sample) =>
    chosen.filter((check) => check.applies?.(sample) ?? true).map((check): Case => sampleCase(sample, check, skip)),
  )
  const shared = sampled.filter(({ check, op, name }) => hash(`${check} ${op} ${name}`) < share * 2 ** 32)
  const device = deviceChecks.map(
    (check): Case => ({
      op: 'device',
      name: check.name,
      check: 'device',
      run: ({ backend }) => settle(() => withoutLeak(backend, () => check.run(backend))),
    }),
  )
  const last: Case[] = [
    {
      op: 'device',
      name: 'live buffers are back at the baseline',
      check: 'device',
      run: (s) => settle(() => s.expectBaseline()),
    },
    {
      op: 'device',
      name: 'nothing works after dispose()',
      check: 'device',
      run: (s) => settle(() => expectDisposable(s.backend)),
    },
  ]
  const always = [...device, ...last]
  return { cases: [...shared, ...always], all: sampled.length + always.length }
}

function sampleCase(sample: Sample, check: Check, skip: ConformanceOptions['skip']): Case {
  return {
    op: sample.op,
    name: sample.name,
    check: check.name,
    run: async (session) => {
      const { backend } = session
      const reason = skip?.(sample, check.name) ?? check.without?.(sample) ?? missingType(sample, backend)
      if (reason) return { status: 'skipped', reason }
      const outcome = await settle(() => withoutLeak(backend, () => check.run(session.trial(sample))))
      if (outcome.status === 'failed' && sample.optional && outcome.error instanceof UnsupportedError)
        return { status: 'skipped', reason: `optional, ${sample.optional}: ${outcome.error.message}` }
      return outcome
    },
  }
}

function missingType({ inputs, op, name }: Sample, { capabilities }: Backend): string | undefined {
  const types = new Set<DType>(inputs.map(({ dtype = 'f32' }) => dtype))
  // A cast's target is in its name alone.
  if (op === 'cast') for (const t of ['f16', 'bf16', 'i64', 'u8', 'i32', 'bool'] as const) if (name.includes(t)) types.add(t)
  const missing = [...types].filter((t) => !capabilities.dtypes.includes(t))
  return missing.length > 0 ? `the capabilities do not list ${missing.join(', ')}` : undefined
}

async function settle(body: () => Promise<void>): Promise<Outcome> {
  try {
    await body()
    return { status: 'passed' }
  } catch (error) {
    return { status: 'failed', error: error instanceof Error ? error : new Error(String(error)) }
  }
}

/** Throws if a body that succeeds, or that is refused, leaves more buffers alive than it found. */
async function withoutLeak(backend: Backend, body: () => Promise<void>): Promise<void> {
  await backend.done()
  const before = backend.memory().buffers
  const refusal = await body().catch((error: unknown) => {
    if (error instanceof UnsupportedError) return error
    throw error
  })
  await backend.done()
  const leaked = backend.memory().buffers - before
  if (leaked > 0) throw new ConformanceError(`${leaked} buffers were left alive${refusal ? ` by what ended in ${refusal}` : ''}`)
  if (refusal) throw refusal
}

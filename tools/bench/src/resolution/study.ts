import { readFile, writeFile } from 'node:fs/promises'
import type { ModelCase } from '../cases.js'
import { BenchError } from '../errors.js'
import { enableFused } from '../limits/measure.js'
import { busyWarning, describeMachine, type Machine } from '../machine.js'
import type { Environment } from '../run.js'
import { summarize } from '../statistics.js'

/**
 * The networks that are compared, by the name of their model: Vim-Tiny; attention in place of its scans by an op that needs
 * memory linear in the length; and by one product, softmax and product that keep all scores at once.
 */
export const networks = {
  scan: 'vim_tiny',
  attention: 'vim_tiny_attention',
  'whole-attention': 'vim_tiny_attention_whole',
} as const
export type Network = keyof typeof networks

/** One network at one size, in a process of its own. */
export interface Point {
  readonly network: Network
  /** Pixels a side. */
  readonly size: number
  /** Patches and the class token. */
  readonly tokens: number
  /** Median milliseconds of a run of one image, from numbers in to logits out. */
  readonly ms?: number
  readonly runs?: number
  /** The most that the process had resident, in bytes: Node, weights and working memory. */
  readonly peakRss?: number
  /** Bytes planned for the values between steps. */
  readonly working?: number
  /** Part of the time of all steps that scans take. */
  readonly scanShare?: number
  /** Why there is no time. */
  readonly notRun?: string
}

export interface Study {
  readonly schema: 1
  readonly date: string
  readonly machine: Machine
  readonly device: string
  readonly threads: number
  readonly warnings: readonly string[]
  readonly points: readonly Point[]
}

export interface StudyPlan {
  readonly sizes: readonly number[]
  readonly networks: readonly Network[]
  readonly device: string
  readonly threads: number
  /** Milliseconds to time a point at least; a single run where that takes longer. */
  readonly minMs: number
  /** Where every point is kept as soon as it is measured; those that are there already are not measured again. */
  readonly file?: string
}

/** Vim-Tiny's. */
const patch = 16
const tokensAt = (size: number): number => Math.floor(size / patch) ** 2 + 1

/** Throws `BenchError` for sizes that Vim-Tiny would not use whole. */
export function checkSizes(sizes: readonly number[]): void {
  const odd = sizes.find((size) => size % patch !== 0)
  if (odd !== undefined) throw new BenchError(`--sizes: ${odd} is no multiple of ${patch}, the side of Vim's patches`)
}

/** Measures every network at every size, the small sizes first. When `signal` fires, what was measured so far is returned. */
export async function studyResolution(plan: StudyPlan, environment: Environment): Promise<Study> {
  const { device, threads, file } = plan
  const { signal, progress } = environment
  enableFused()
  const machine = describeMachine()
  const before = file ? await readStudy(file) : undefined
  const points = before && sameConditions(before, { machine, device, threads }) ? [...before.points] : []
  const busy = busyWarning(machine)
  const study = (): Study => ({
    schema: 1,
    date: new Date().toISOString(),
    machine,
    device,
    threads,
    warnings: busy ? [busy] : [],
    points: inOrder(points),
  })
  const wanted = plan.sizes.flatMap((size) => plan.networks.map((network) => ({ network, size })))
  for (const { network, size } of wanted.sort((a, b) => a.size - b.size)) {
    if (points.some((p) => p.network === network && p.size === size && p.ms !== undefined)) continue
    if (signal?.aborted) break
    progress(`Vim-Tiny with ${network} at ${size}`)
    const point = await measurePoint(network, size, plan, environment)
    if (signal?.aborted) break
    points.splice(0, points.length, ...points.filter((p) => p.network !== network || p.size !== size), point)
    if (file) await writeFile(file, `${JSON.stringify(study(), null, 2)}\n`)
  }
  progress('')
  return study()
}

const order = Object.keys(networks)
const inOrder = (points: readonly Point[]): Point[] =>
  [...points].sort((a, b) => order.indexOf(a.network) - order.indexOf(b.network) || a.size - b.size)

async function measurePoint(
  network: Network,
  size: number,
  plan: StudyPlan,
  { newSession, signal }: Environment,
): Promise<Point> {
  const what: ModelCase = { kind: 'model', model: networks[network], size, batch: 1 }
  const runner = { name: 'scanline', device: plan.device, threads: plan.threads }
  const base = { network, size, tokens: tokensAt(size) }
  const session = newSession(signal)
  try {
    const { facts } = await session.open(what, runner, '')
    // Where a run is long the one that opening takes warms up what there is.
    if (facts.firstResultMs - facts.compileMs < plan.minMs / 4) await session.warmUp(plan.minMs)
    const { times } = await session.round({ runs: 5, ms: plan.minMs, maxMs: 2 * plan.minMs, warm: true })
    const { peakRss, working } = await session.memory()
    const { median: ms } = summarize(times)
    const point = { ...base, ms, runs: times.length, peakRss, ...(working !== undefined && { working }) }
    return network === 'scan' ? { ...point, scanShare: await scanShare(what, plan, { newSession, signal }) } : point
  } catch (error) {
    return { ...base, notRun: error instanceof Error ? error.message : String(error) }
  } finally {
    await session.close().catch(() => {})
  }
}

/** Timing every step takes memory of its own, hence another process. */
async function scanShare(
  what: ModelCase,
  { device, threads, minMs }: StudyPlan,
  { newSession, signal }: Pick<Environment, 'newSession' | 'signal'>,
): Promise<number> {
  const session = newSession(signal)
  try {
    const { steps, stepsMs } = await session.profile(what, { name: 'scanline', device, threads }, { passes: 1, ms: minMs / 4 })
    return steps.filter(({ op }) => /scan/i.test(op)).reduce((n, { ms }) => n + ms, 0) / stepsMs
  } finally {
    await session.close().catch(() => {})
  }
}

async function readStudy(file: string): Promise<Study | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new BenchError(`${file} holds no study to go on with (${error instanceof Error ? error.message : error}); remove it`)
  }
}

/** Whether points of both may stand in one chart. Files that a study writes make the checkout differ from its commit. */
function sameConditions(a: Study, b: Pick<Study, 'machine' | 'device' | 'threads'>): boolean {
  const conditions = ({ machine, device, threads }: typeof b): string =>
    JSON.stringify([machine.cpu, machine.node, machine.commit?.replace('+', ''), device, threads])
  return a.schema === 1 && conditions(a) === conditions(b)
}

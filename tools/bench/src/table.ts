import type { Profile, ProfiledStep } from './profile.js'
import { limitsFor, type Report, type Result } from './report.js'

/** Columns aligned: the first to the left, the rest to the right. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}

const optional = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined || !Number.isFinite(value) ? '' : format(value)
const percent = (share: number | undefined): string => optional(share, (s) => `${(100 * s).toFixed(s < 0.1 ? 1 : 0)} %`)
/** Three significant digits without an exponent. */
const short = (value: number | undefined): string =>
  optional(value, (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v >= 1 ? v.toFixed(2) : v.toFixed(3)))
const mebibytes = (bytes: number | undefined): string => optional(bytes, (b) => (b / 2 ** 20).toFixed(b < 2 ** 20 ? 1 : 0))

/** The report for a person. */
export function formatReport(report: Report): string {
  const { machine, limits, warnings, peers, results, profiles = [], interrupted } = report
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${mebibytes(machine.memoryBytes)} MiB; Node ${machine.node}, V8 ${machine.v8}, ${machine.platform}, SIMD${machine.relaxedSimd ? ', relaxed SIMD' : ''}`,
    `${report.date}${machine.commit ? `, commit ${machine.commit}` : ''}, load average ${machine.loadAverage.toFixed(2)}`,
    ...limits.map(({ threads, before, after }) => {
      const both = (of: (l: typeof before) => number): string =>
        [before, ...(after ? [after] : [])].map((l) => of(l).toFixed(1)).join(' / ')
      return `limits of ${threads} ${threads === 1 ? 'thread' : 'threads'} (before / after): multiply-add ${both((l) => l.gflops)} GFLOP/s${before.fused ? ', fused' : ''}; memory ${both((l) => l.gbytes)} GB/s`
    }),
    ...peers.map(({ name, about }) => {
      const version = results.find((r) => r.runner.name === name)?.facts?.version
      return `${name}${version ? ` ${version}` : ''}: ${about}`
    }),
    ...warnings.map((warning) => `warning: ${warning}`),
    '',
  ]
  const models = results.filter((r) => r.what.kind === 'model')
  const kernels = results.filter((r) => r.what.kind === 'kernel')
  if (models.length > 0) lines.push(...modelTable(models), '')
  if (kernels.length > 0) lines.push(...kernelTable(kernels), '')
  for (const { name, runner, profile } of profiles) {
    const limit = limitsFor(limits, runner.threads)
    lines.push(
      `${name}, ${runner.device}, ${runner.threads} ${runner.threads === 1 ? 'thread' : 'threads'}`,
      ...profileTable(profile, limit),
      '',
    )
  }
  const missing = results.filter((r) => r.notRun !== undefined)
  for (const { name, runner, notRun } of missing)
    lines.push(`not run: ${runner.name}, ${runner.threads} threads, ${name}: ${notRun}`)
  if (interrupted) lines.push('interrupted: what is above was measured before')
  return `${lines.join('\n').trimEnd()}\n`
}

const measured = (results: readonly Result[]): Result[] => results.filter((r) => r.time !== undefined)
const who = ({ runner }: Result): string => (runner.name === 'scanline' ? `scanline ${runner.device}` : runner.name)

function modelTable(results: readonly Result[]): string[] {
  const head = [
    'model',
    'runner',
    'threads',
    'images/s',
    'median ms',
    'p5',
    'p95',
    'others',
    'ceiling',
    'GFLOP',
    'bandwidth',
    'compile ms',
    'first ms',
    'peak MiB',
    'device MiB',
    'apart',
  ]
  const rows = measured(results).map((r) => [
    r.name,
    who(r),
    String(r.runner.threads),
    short(r.imagesPerSecond),
    short(r.time?.median),
    short(r.time?.p5),
    short(r.time?.p95),
    optional(r.othersBusy, (n) => n.toFixed(2)),
    percent(r.ceilingShare),
    optional(r.facts?.multiplyAdds, (n) => (n / 1e9).toFixed(3)),
    percent(r.bandwidthShare),
    short(r.facts?.compileMs),
    short(r.facts?.firstResultMs),
    mebibytes(r.memory?.peakRss),
    mebibytes(r.memory?.reserved),
    optional(r.difference, (d) => d.toExponential(1)),
  ])
  return rows.length > 0 ? align([head, ...rows]) : []
}

function kernelTable(results: readonly Result[]): string[] {
  const timed = measured(results)
  const first = (r: Result): Result | undefined => timed.find((o) => o.name === r.name && who(o) === who(r))
  const head = [
    'kernel',
    'runner',
    'threads',
    'median ms',
    'p5',
    'p95',
    'others',
    'GFLOP/s',
    'ceiling',
    'GB/s',
    'speed-up',
    'apart',
  ]
  const rows = timed.map((r) => {
    const base = first(r)
    const faster = base && base !== r ? base.time!.median / r.time!.median : undefined
    return [
      r.name,
      who(r),
      String(r.runner.threads),
      short(r.time?.median),
      short(r.time?.p5),
      short(r.time?.p95),
      optional(r.othersBusy, (n) => n.toFixed(2)),
      short(r.gflops),
      percent(r.ceilingShare),
      short(r.gbytes),
      optional(faster, (f) => f.toFixed(2)),
      optional(r.difference, (d) => d.toExponential(1)),
    ]
  })
  return rows.length > 0 ? align([head, ...rows]) : []
}

function profileTable(profile: Profile, limit: { gflops: number } | undefined): string[] {
  const { steps, stepsMs, wholeMs, passes, multiplyAdds } = profile
  const ceiling = (flops: number, ms: number): string => (limit && flops > 0 ? percent(flops / ms / 1e6 / limit.gflops) : '')
  const row = ({ name, count, ms, flops, bytes, detail }: StepSum): string[] => [
    name,
    String(count),
    short(ms),
    percent(ms / stepsMs),
    ceiling(flops, ms),
    flops > 0 ? short(flops / ms / 1e6) : '',
    short(bytes / ms / 1e6),
    detail,
  ]
  const table = (sums: readonly StepSum[]): string[] => {
    const rows = [['step', 'times', 'ms', 'share', 'ceiling', 'GFLOP/s', 'GB/s', ''], ...sums.map(row)]
    const width = Math.max(...rows.map((r) => r[7].length))
    return align(rows.map((r) => [...r.slice(0, 7), r[7].padEnd(width)]))
  }
  return [
    `whole program ${short(wholeMs)} ms, ${ceiling(multiplyAdds, wholeMs)} of the ceiling; its ${steps.length} steps one by one ${short(stepsMs)} ms (medians of ${passes} passes)`,
    ...table(
      sumSteps(
        steps,
        ({ op }) => op,
        () => '',
      ),
    ),
    '',
    ...table(
      sumSteps(
        steps,
        ({ op, detail }) => `${op} ${detail}`,
        ({ detail }) => detail,
      ),
    ),
  ]
}

interface StepSum {
  readonly name: string
  readonly count: number
  readonly ms: number
  readonly flops: number
  readonly bytes: number
  readonly detail: string
}

/** Steps that are alike taken together, the slowest first. */
function sumSteps(
  steps: readonly ProfiledStep[],
  alike: (step: ProfiledStep) => string,
  detail: (step: ProfiledStep) => string,
): StepSum[] {
  const sums = new Map<string, StepSum>()
  for (const step of steps) {
    const before = sums.get(alike(step)) ?? { count: 0, ms: 0, flops: 0, bytes: 0 }
    sums.set(alike(step), {
      name: step.op,
      count: before.count + 1,
      ms: before.ms + step.ms,
      flops: before.flops + step.multiplyAdds,
      bytes: before.bytes + step.bytes,
      detail: detail(step),
    })
  }
  return [...sums.values()].sort((a, b) => b.ms - a.ms)
}

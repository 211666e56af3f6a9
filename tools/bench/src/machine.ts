import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { takesFused } from './limits/loops.js'

/** Where and with what something was measured. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
  readonly v8: string
  /** Whether the engine takes relaxed SIMD (in Node 20 after its flag was set). */
  readonly relaxedSimd: boolean
  /** The commit that the workspace is at, with `+` when files differ from it. Absent outside of a checkout. */
  readonly commit?: string
  /** Processes that were running or waiting, on average over the minute before the start. */
  readonly loadAverage: number
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    relaxedSimd: takesFused(),
    ...commit(),
    loadAverage: loadavg()[0],
  }
}

/** What to tell a person who measures on a machine that does other work too; undefined when it is quiet. */
export function busyWarning({ loadAverage, cores }: Machine): string | undefined {
  if (loadAverage < 0.3 * cores) return undefined
  return `the machine is not quiet: load average ${loadAverage.toFixed(2)} on ${cores} cores at the start; expect slower and scattered times`
}

function commit(): { commit?: string } {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: dirname(fileURLToPath(import.meta.url)), stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  try {
    return { commit: `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '-uno') ? '+' : ''}` }
  } catch {
    return {}
  }
}

/** Milliseconds that all cores together have been busy since the machine started, in steps of ten. */
export const busyMs = (): number => cpus().reduce((n, { times: { user, nice, sys, irq } }) => n + user + nice + sys + irq, 0)

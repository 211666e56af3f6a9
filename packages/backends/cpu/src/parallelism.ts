import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Processors that this process may keep busy: by its affinity, and by the limits of its control group. */
export function parallelism(): number {
  const quota = controlGroupQuota(readText)
  return Math.max(1, Math.min(availableParallelism(), quota === undefined ? Number.POSITIVE_INFINITY : Math.ceil(quota)))
}

type ReadText = (path: string) => string | undefined

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** Processors by the limits on Linux (v2: `cpu.max`; v1: `cpu.cfs_quota_us`), the tightest on the way up. */
export function controlGroupQuota(read: ReadText): number | undefined {
  const groups = read('/proc/self/cgroup')?.split('\n') ?? []
  const quotas = groups.flatMap((line) => {
    const [, controllers, path] = line.split(':')
    if (controllers === '') return parents(path).map((folder) => quotient(read(`/sys/fs/cgroup${folder}/cpu.max`)))
    if (!controllers?.split(',').includes('cpu')) return []
    return parents(path).map((folder) => {
      const root = `/sys/fs/cgroup/cpu${folder}`
      return quotient(`${read(`${root}/cpu.cfs_quota_us`)} ${read(`${root}/cpu.cfs_period_us`)}`)
    })
  })
  const limits = quotas.filter((q) => q !== undefined)
  return limits.length > 0 ? Math.min(...limits) : undefined
}

/** `/a/b`, `/a` and the root, as an empty text. */
function parents(path = '/'): string[] {
  const parts = path.split('/').filter(Boolean)
  return Array.from({ length: parts.length + 1 }, (_, i) =>
    parts
      .slice(0, parts.length - i)
      .map((p) => `/${p}`)
      .join(''),
  )
}

/** Of `max 100000` or `-1 100000` there is none. */
function quotient(text: string | undefined): number | undefined {
  const [quota, period] = (text ?? '').split(' ').map(Number)
  return quota > 0 && period > 0 ? quota / period : undefined
}

import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { controlGroupQuota, parallelism } from '../src/parallelism.js'

const quotaOf = (files: Readonly<Record<string, string>>) => controlGroupQuota((path) => files[path])

test('threads are a whole number from one to what the processors allow', () => {
  expect(Number.isInteger(parallelism())).toBe(true)
  expect(parallelism()).toBeGreaterThanOrEqual(1)
  expect(parallelism()).toBeLessThanOrEqual(availableParallelism())
})

test('control groups v2: the tightest limit on the way up', () => {
  const self = { '/proc/self/cgroup': '0::/system.slice/app.service' }
  expect(quotaOf({ ...self, '/sys/fs/cgroup/system.slice/app.service/cpu.max': '150000 100000' })).toBe(1.5)
  expect(
    quotaOf({
      ...self,
      '/sys/fs/cgroup/system.slice/app.service/cpu.max': 'max 100000',
      '/sys/fs/cgroup/system.slice/cpu.max': '400000 100000',
      '/sys/fs/cgroup/cpu.max': '800000 100000',
    }),
  ).toBe(4)
  expect(quotaOf({ ...self, '/sys/fs/cgroup/system.slice/app.service/cpu.max': 'max 100000' })).toBeUndefined()
})

test('control groups v2 in a container, which sees its own group as the root', () => {
  expect(quotaOf({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': '50000 100000' })).toBe(0.5)
})

test('control groups v1: quota and period, in the container or by the path of the group', () => {
  const self = { '/proc/self/cgroup': '5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab' }
  const limits = (folder: string, quota: string) => ({
    [`/sys/fs/cgroup/cpu${folder}/cpu.cfs_quota_us`]: quota,
    [`/sys/fs/cgroup/cpu${folder}/cpu.cfs_period_us`]: '100000',
  })
  expect(quotaOf({ ...self, ...limits('', '200000') })).toBe(2)
  expect(quotaOf({ ...self, ...limits('', '-1'), ...limits('/docker/ab', '300000') })).toBe(3)
  expect(quotaOf({ ...self, ...limits('/docker/ab', '-1') })).toBeUndefined()
})

test('both versions at once, neither, and files that say nothing', () => {
  const mixed = '4:cpu,cpuacct:/a\n0::/b'
  expect(
    quotaOf({
      '/proc/self/cgroup': mixed,
      '/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '500000',
      '/sys/fs/cgroup/cpu/a/cpu.cfs_period_us': '100000',
      '/sys/fs/cgroup/b/cpu.max': '100000 100000',
    }),
  ).toBe(1)
  expect(quotaOf({})).toBeUndefined()
  expect(quotaOf({ '/proc/self/cgroup': mixed })).toBeUndefined()
  expect(quotaOf({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': 'nonsense' })).toBeUndefined()
})

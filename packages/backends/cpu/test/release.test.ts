import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { published } from '../src/find-addon.js'

const script = (name: string) => new URL(`../scripts/${name}`, import.meta.url)

describe('a release', () => {
  test('gives all packages of the addon the version of the package that names them', async () => {
    const { platformManifest, withPlatforms } = await import(String(script('platforms.mjs')))
    const manifest = { name: '@scanline/cpu', version: '1.2.3', optionalDependencies: { other: '4.5.6' } }
    const { optionalDependencies, ...rest } = withPlatforms(manifest)
    const parts = published.map((platform) => platformManifest(platform, manifest))
    expect(optionalDependencies).toEqual({ other: '4.5.6', ...Object.fromEntries(parts.map((p) => [p.name, '1.2.3'])) })
    expect(rest).toEqual({ name: '@scanline/cpu', version: '1.2.3' })
    expect(parts.map(({ os, cpu, libc }) => [os, cpu, libc].flat().join(' ').trim())).toEqual([
      'linux x64 glibc',
      'linux x64 musl',
      'linux arm64 glibc',
      'linux arm64 musl',
      'darwin arm64',
    ])
    expect(parts.every((p) => p.version === '1.2.3' && p.scripts === undefined)).toBe(true)
  })
})

describe('a build', () => {
  test('without a compiler says so in one line, and is no failure', () => {
    const env = { ...process.env, CXX: '/nowhere/g++' }
    const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(script('build-native.mjs'))], {
      env,
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toBe('@scanline/cpu: there is no /nowhere/g++, so the native backend is not built; the wasm backend serves\n')
  })

  test('for a processor without kernels says so too', () => {
    const args = [fileURLToPath(script('build-native.mjs')), 'linux-riscv64']
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect([status, stdout]).toEqual([0, '@scanline/cpu: no kernels for riscv64; the wasm backend serves\n'])
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeviceError } from '@scanline/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findAddon, type Host, libcOf, NativeAddonError, published, thisHost } from '../src/find-addon.js'

let folder: string
let built: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scanline-cpu-'))
  built = join(folder, 'built.node')
  writeFileSync(built, 'no addon')
})
afterAll(() => rmSync(folder, { recursive: true }))

const addon = { levels: 'avx2' }

/** A machine where nothing is there, but for what a test adds. */
const host = (changes: Partial<Host>): Host => ({
  platform: 'linux-x64-gnu',
  override: undefined,
  built: '/nowhere/scanline.node',
  resolve: (name) => {
    throw new Error(`Cannot find module '${name}'`)
  },
  load: () => addon,
  ...changes,
})

function attemptsOf(changes: Partial<Host>): NativeAddonError['attempts'] {
  try {
    findAddon(host(changes))
  } catch (error) {
    if (error instanceof NativeAddonError) return error.attempts
    throw error
  }
  throw new Error('an addon was found')
}

describe('the addon', () => {
  test('is the one that the environment names, else the built one, else the package', () => {
    const loaded: string[] = []
    const load = (path: string) => {
      loaded.push(path)
      return addon
    }
    const resolve = (name: string) => `/modules/${name}`
    expect(findAddon(host({ override: built, built: '/nowhere', resolve, load }))).toBe(addon)
    expect(findAddon(host({ built, resolve, load }))).toBe(addon)
    expect(findAddon(host({ resolve, load }))).toBe(addon)
    expect(loaded).toEqual([built, built, '/modules/@scanline/cpu-linux-x64-gnu'])
  })

  test('is the package where the built one does not load', () => {
    const load = (path: string) => {
      if (path === built) throw new Error('invalid ELF header')
      return addon
    }
    expect(findAddon(host({ built, load, resolve: () => '/modules/x' }))).toBe(addon)
  })

  test('that is nowhere: every place is named, with what to do', () => {
    expect(attemptsOf({})).toEqual([
      {
        from: 'the build of this checkout',
        problem: 'is not there (/nowhere/scanline.node)',
        remedy: 'in a checkout, npm run build makes it where there is a C++ compiler',
      },
      {
        from: '@scanline/cpu-linux-x64-gnu',
        problem: 'is not installed',
        remedy: 'install again on this machine, with optional dependencies',
      },
    ])
    const error = new NativeAddonError('linux-x64-gnu', attemptsOf({}))
    expect(error).toBeInstanceOf(DeviceError)
    expect(error.message).toMatch(/^the native device does not run on linux-x64-gnu: .*; the wasm device runs everywhere$/)
  })

  test('that no package exists for', () => {
    expect(attemptsOf({ platform: 'win32-x64' })[1]).toMatchObject({
      problem: 'does not exist',
      remedy: expect.stringContaining('linux-arm64-musl, darwin-arm64'),
    })
  })

  test('that the environment names wrongly: nothing else is tried', () => {
    expect(attemptsOf({ override: '/nowhere/mine.node', built })).toEqual([
      {
        from: 'SCANLINE_CPU_ADDON',
        problem: 'names /nowhere/mine.node, which does not exist',
        remedy: 'correct it, or unset it',
      },
    ])
  })

  test('without kernels for the processor', () => {
    expect(attemptsOf({ override: built, load: () => ({ levels: '' }) })).toMatchObject([
      { problem: 'has no kernels for this processor', remedy: 'on x64 AVX2 and FMA are the least' },
    ])
  })

  test.each([
    ["/lib/libc.so.6: version `GLIBC_2.35' not found (required by /m/scanline.node)", /^needs glibc 2.35/, /newer system/],
    ['/m/scanline.node: invalid ELF header', /could not be loaded \(.*invalid ELF header\)/, /copying node_modules/],
    ['libc.musl-x86_64.so.1: cannot open shared object file', /libc\.musl/, /made for another system/],
    ['/m/scanline.node: cannot open shared object file: No such file or directory', /\(.*cannot open/, /made for another system/],
    ['Module did not self-register', /did not self-register/, /install or build it again/],
  ])('that does not load: %s', (message, problem, remedy) => {
    const load = () => {
      throw new Error(message)
    }
    const [attempt] = attemptsOf({ override: built, load })
    expect(attempt!.problem).toMatch(problem)
    expect(attempt!.remedy).toMatch(remedy)
  })

  test('that is no addon at all: the loader of the system says so', () => {
    const [attempt] = attemptsOf({ override: built, load: thisHost().load })
    expect(attempt!.problem).toMatch(/^could not be loaded \(.*built\.node.*\)$/)
  })
})

describe('the platform', () => {
  test('has a package of the same name in the release', async () => {
    const { platforms } = await import(String(new URL('../scripts/platforms.mjs', import.meta.url)))
    expect(published).toEqual(Object.keys(platforms))
  })

  test.skipIf(process.platform !== 'linux')('is told by the loader that this Node names', () => {
    expect(thisHost().platform).toBe(`linux-${process.arch}-${libcOf(process.execPath)}`)
  })

  test('with musl, with glibc, and unknown', () => {
    const executable = (loader: string) => {
      const path = join(folder, 'node')
      writeFileSync(path, `\x7fELF${'\0'.repeat(600)}${loader}\0${'\0'.repeat(9000)}`)
      return path
    }
    expect(libcOf(executable('/lib/ld-musl-x86_64.so.1'))).toBe('musl')
    expect(libcOf(executable('/lib64/ld-linux-x86-64.so.2'))).toBe('gnu')
    expect(libcOf('/nowhere/node')).toBe('gnu')
  })
})

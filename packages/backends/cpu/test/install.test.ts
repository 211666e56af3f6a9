import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { published, thisHost } from '../src/find-addon.js'
import { isCpuAvailable } from '../src/index.js'
import { serveRegistry } from './registry.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const packNative = fileURLToPath(new URL('../scripts/pack-native.mjs', import.meta.url))
const needed = ['tensor', 'compile', 'nn', 'gated-cnn', 'mambaout', 'wasm', 'cpu', 'devices']
const { platform } = thisHost()

async function run(command: string, args: readonly string[], cwd: string) {
  const { stdout } = await promisify(execFile)(command, args, { cwd, env: { ...process.env, SCANLINE_CPU_ADDON: '' } })
  return stdout
}

// Skipped where no addon was built, as there is nothing to pack.
describe.skipIf(!isCpuAvailable() || !published.includes(platform))('installed by npm', () => {
  let folder: string
  let registry: Awaited<ReturnType<typeof serveRegistry>>
  let user: string
  const installed = () => readdirSync(join(user, 'node_modules/@scanline')).filter((name) => name.startsWith('cpu'))

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scanline-install-'))
    const archives = join(folder, 'archives')
    const filters = needed.map((name) => `--filter=@scanline/${name}`)
    await run('pnpm', ['-r', ...filters, 'pack', '--pack-destination', archives], root)
    await run(process.execPath, [packNative, folder, '--glibc', '9'], root)
    const own = join(folder, `cpu-${platform}`)
    // One further package is there that must not be taken; the others are missing from the registry altogether.
    const foreign = join(folder, 'foreign')
    cpSync(own, foreign, { recursive: true })
    const manifest = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
    const elsewhere = { ...manifest, name: '@scanline/cpu-darwin-arm64', os: ['darwin'], cpu: ['arm64'], libc: undefined }
    writeFileSync(join(foreign, 'package.json'), JSON.stringify(elsewhere))
    for (const place of [own, foreign]) await run('npm', ['pack', place, '--pack-destination', archives], folder)

    registry = await serveRegistry(readdirSync(archives).map((name) => join(archives, name)))
    user = join(folder, 'user')
    mkdirSync(user)
    writeFileSync(join(user, '.npmrc'), `registry=${registry.url}\ncache=${join(folder, 'cache')}\naudit=false\nfund=false\n`)
    writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true, "type": "module" }')
    cpSync(fileURLToPath(new URL('fixtures/user.js', import.meta.url)), join(user, 'main.js'))
    const wanted = ['tensor', 'compile', 'mambaout', 'devices'].map((name) => `@scanline/${name}`)
    await run('npm', ['install', ...wanted], user)
  }, 60_000)
  afterAll(() => {
    registry?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('the package of this platform comes along, and no other', () => {
    expect(installed()).toEqual(['cpu', `cpu-${platform}`])
    const { version, optionalDependencies, scripts } = JSON.parse(
      readFileSync(join(user, 'node_modules/@scanline/cpu/package.json'), 'utf8'),
    )
    expect(optionalDependencies).toEqual(Object.fromEntries(published.map((name) => [`@scanline/cpu-${name}`, version])))
    expect(Object.keys(scripts ?? {}).filter((name) => /install|prepare/.test(name))).toEqual([])
    expect(readdirSync(join(user, 'node_modules/@scanline/cpu/dist'))).not.toContain('native')
  })

  test('programs run on it; without it they run on wasm, and can ask why', async () => {
    const { logits, ...native } = JSON.parse(await run(process.execPath, ['main.js'], user))
    expect(native).toEqual({ why: '', device: 'cpu', product: [7, 10, 15, 22] })
    rmSync(join(user, 'node_modules/@scanline', `cpu-${platform}`), { recursive: true })
    const { logits: others, why, ...wasm } = JSON.parse(await run(process.execPath, ['main.js'], user))
    expect(wasm).toEqual({ device: 'wasm', product: [7, 10, 15, 22] })
    expect(why).toContain(
      `@scanline/cpu-${platform} is not installed (install again on this machine, with optional dependencies)`,
    )
    expect(logits).toHaveLength(3)
    for (const [i, value] of logits.entries()) expect(others[i]).toBeCloseTo(value, 4)
  })

  test.skipIf(!platform.endsWith('-gnu'))('an addon that needs too new a glibc is not packed', async () => {
    await expect(run(process.execPath, [packNative, folder, '--glibc', '2.0'], root)).rejects.toThrow(
      /needs glibc 2\.\d+, newer than 2\.0; build it on an older system/,
    )
  })
})

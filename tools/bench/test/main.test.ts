import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { main } from '../src/main.js'
import { localSession } from '../src/session.js'

async function command(...args: string[]) {
  let [out, err] = ['', '']
  const status = await main(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    progress: () => {},
    newSession: localSession,
    measureLimits: async (threads) => ({ threads, gflops: 50, fused: false, gbytes: 20 }),
  })
  return { status, out, err }
}

describe('the command', () => {
  it('measures, prints and writes JSON', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
    const file = join(folder, 'report.json')
    const { status, out } = await command('--kernels', 'layerNorm 196', '--runs', '2', '--json', file)
    const report = JSON.parse(await readFile(file, 'utf8'))
    await rm(folder, { recursive: true })
    expect(status).toBe(0)
    expect(out).toContain('layerNorm 196x384')
    expect(report.results.map((r: { name: string }) => r.name)).toEqual(['layerNorm 196x384'])
    expect(report.command).toEqual(['--kernels', 'layerNorm 196', '--runs', '2', '--json', file])
  })

  it.each([
    [['--model', 'mambaout_femtoo'], /there is no model "mambaout_femtoo".*mambaout_femto/],
    [['--kernels', 'fft'], /no kernel's name contains "fft".*matmul 196x384x1024/s],
    [['--model', 'mambaout_femto', '--device', 'wasm,abacus'], /'wasm,abacus' is invalid.*no device "abacus".*wasm.*reference/],
    [['--model', 'mambaout_femto', '--peer', 'abacus'], /no peer "abacus".*onnxruntime-web/],
    [['--model', 'mambaout_femto', '--threads', '1,0'], /'1,0' is invalid.*whole number/],
    [['--kernels', '--profile'], /--profile needs --model/],
    [['--kernels', 'layerNorm 196', '--json', join(tmpdir(), 'no-such-folder', 'x.json')], /--json .*x\.json: cannot be written/],
    [[], /either --model NAMES or --kernels/],
  ])('refuses %j', async (args, message) => {
    const { status, err, out } = await command(...args)
    expect(err).toMatch(message)
    expect(out).toBe('')
    expect(status).toBe(2)
  })

  it('explains itself', async () => {
    const { status, out } = await command('--help')
    expect(status).toBe(0)
    for (const option of ['--model', '--kernels', '--profile', '--threads', '--batch', '--peer', '--json'])
      expect(out).toContain(option)
  })
})

describe('as a process', () => {
  const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
  // Where the package was not built there is no process to start; `npm test` builds first.
  it.skipIf(!existsSync(cli))('measures each case in a process of its own', { timeout: 60_000 }, () => {
    const out = execFileSync(process.execPath, [cli, '--kernels', 'gelu', '--runs', '1'], { encoding: 'utf8' })
    expect(out).toMatch(/^gelu 3136x96 +scanline wasm +1 /m)
    expect(out).not.toContain('not run')
  })
})

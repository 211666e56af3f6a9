import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { names, png, serve, temporaryFolder, writeCheckpoint } from './setup.js'

const folder = mkdtempSync(join(tmpdir(), 'scanline-classify-cli-'))
const options = ['--model', 'test_mambaout', '--size', '32', '--threads', '1', '--weights', join(folder, 'weights.safetensors')]

// One file made of the sources as they are now, so that nothing depends on a build.
beforeAll(async () => {
  await build({
    root: fileURLToPath(new URL('..', import.meta.url)),
    logLevel: 'error',
    resolve: { conditions: ['@scanline/source', 'node'] },
    ssr: { noExternal: true, resolve: { conditions: ['@scanline/source', 'node'] } },
    build: {
      ssr: 'src/cli.ts',
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      minify: false,
      rolldownOptions: { output: { entryFileNames: 'cli.mjs' } },
    },
  })
  await writeCheckpoint(join(folder, 'weights.safetensors'))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(args: readonly string[]): {
  child: ChildProcess
  output: { stdout: string; stderr: string }
  ended: Promise<number | null>
} {
  const child = spawn(process.execPath, [join(folder, 'cli.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  return { child, output, ended: new Promise((resolve) => child.once('close', resolve)) }
}

function pictures(count: number): string {
  const place = temporaryFolder()
  for (let i = 0; i < count; i++) writeFileSync(join(place, `${i}.png`), png(i))
  return place
}

describe('the command', () => {
  it('classifies, and ends with status 0', async () => {
    const { output, ended } = start(['predict', pictures(2), ...options, '--json'])
    expect([await ended, output.stderr]).toEqual([0, ''])
    expect(JSON.parse(output.stdout)).toMatchObject({ images: 2, failed: 0, classes: names.length })
  })

  it('ends with status 1 when an image is missing, with 2 for a wrong option', async () => {
    const failed = start(['predict', 'none.png', ...options])
    const wrong = start(['predict', 'none.png', '--model', 'nonsense'])
    expect(await Promise.all([failed.ended, wrong.ended])).toEqual([1, 2])
    expect(failed.output.stderr).toContain('error: none.png: no such file or folder\n')
    expect(wrong.output.stderr).toMatch(/^error: .*nonsense.*\n$/)
  })

  it('ends quietly when its reader has seen enough', async () => {
    const { child, output, ended } = start(['predict', pictures(300), ...options])
    child.stdout!.once('data', () => child.stdout!.destroy())
    expect(await ended).toBe(0)
    expect(output.stderr).toBe('')
  })

  it.each([
    ['SIGINT', (site: string) => ['predict', `${site}/cat.png`, ...options, '--json']],
    ['SIGTERM', (site: string) => ['predict', pictures(1), ...options.slice(0, -1), `${site}/weights.safetensors`]],
  ] as const)('%s ends a download with status 130, and leaves no half file under a name', async (name, argsFor) => {
    let asked = (): void => {}
    const request = new Promise<void>((resolve) => {
      asked = resolve
    })
    const site = await serve(({ method }, response) => {
      response.writeHead(200, { 'content-length': 1e6, etag: '"v1"' })
      if (method === 'HEAD') return void response.end()
      response.write(new Uint8Array(1000))
      asked()
    })
    const cache = temporaryFolder()
    process.env['SCANLINE_CACHE'] = cache
    onTestFinished(() => void delete process.env['SCANLINE_CACHE'])
    const { child, output, ended } = start(argsFor(site))
    await request
    child.kill(name)
    expect(await ended).toBe(130)
    expect(output.stderr).toBe('')
    expect(readdirSync(cache, { recursive: true }).filter((file) => String(file).endsWith('.safetensors'))).toEqual([])
  })
})

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from '@scanline/compile'
import { Generator, tensor } from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { createModel } from '@scanline/zoo'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
const executablePath = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

/** Where the page finds each package: its built entry, as the exports' `default` condition says, not the `node` one. */
const folders: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['core', 'backends', 'blocks', 'models'].flatMap((floor) =>
      readdirSync(join(root, 'packages', floor)).map((name) => [name, `packages/${floor}/${name}`]),
    ),
  ),
  checkpoint: 'packages/io/checkpoint',
  hub: 'packages/io/hub',
}

function builtEntry(folder: string): string {
  const { exports } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const entry = join(folder, exports['.'].browser ?? exports['.'].default)
  if (!existsSync(join(root, entry))) throw new Error(`${entry} is not built; run npm run build first`)
  return `/${entry}`
}

const imports = {
  ...Object.fromEntries(Object.entries(folders).map(([name, folder]) => [`@scanline/${name}`, builtEntry(folder)])),
  fflate: '/packages/io/checkpoint/node_modules/fflate/esm/browser.js',
}
const page = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/apps/classify/test/page.js"></script>`
const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
}

/** The repository as static files, with or without the headers that shared memory needs. */
function serve(isolated: boolean): Promise<Server> {
  const server = createServer((request, response) => {
    const headers = isolated
      ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
      : {}
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    if (path === '/') response.writeHead(200, { ...headers, 'content-type': 'text/html' }).end(page)
    else if (!existsSync(join(root, path))) response.writeHead(404).end()
    else
      response
        .writeHead(200, { ...headers, 'content-type': types[extname(path)] ?? 'text/plain' })
        .end(readFileSync(join(root, path)))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const size = 96
const pixels = () => Float32Array.from({ length: size * size * 3 }, (_, i) => ((i * 2654435761) % 1000) / 500 - 1)

async function logitsInNode(relaxedSimd: boolean): Promise<number[]> {
  const device = await createWasmBackend({ threads: 1, relaxedSimd })
  const model = await createModel('test_mambaout', { device, generator: new Generator(7) })
  const program = await compile((x) => model.eval().forward(x), [{ shape: [1, size, size, 3], dtype: 'f32' }], { device })
  const logits = await program.run(tensor(pixels(), { device, shape: [1, size, size, 3] })).data()
  device.dispose()
  return [...logits].map(Number)
}

interface PageResult {
  readonly logits: number[]
  readonly threads: number
  readonly isolated: boolean
}

// Skipped only where no Chromium is installed; CHROMIUM_PATH names one elsewhere.
describe.skipIf(executablePath === undefined)('the built packages in Chromium', () => {
  let browser: Browser
  const servers: Server[] = []
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] })
  })
  afterAll(async () => {
    await browser?.close()
    for (const server of servers) server.close()
  })

  const run = async (options: { threads: number; relaxedSimd: boolean; isolated: boolean }) => {
    const server = await serve(options.isolated)
    servers.push(server)
    const tab = await browser.newPage()
    const problems: string[] = []
    tab.on('pageerror', (error) => problems.push(String(error)))
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await tab.waitForFunction('globalThis.logits !== undefined')
    const request = JSON.stringify({ ...options, values: [...pixels()], size })
    const result = (await tab.evaluate(`globalThis.logits(${request})`)) as PageResult
    await tab.close()
    expect(problems).toEqual([])
    return result
  }

  test('give the same bits as Node, where WebAssembly is deterministic', async () => {
    const result = await run({ threads: 1, relaxedSimd: false, isolated: false })
    expect(result.logits).toEqual(await logitsInNode(false))
    expect(result.isolated).toBe(false)
  })

  test('give the same logits with threads and relaxed SIMD, to float32', async () => {
    const result = await run({ threads: 2, relaxedSimd: true, isolated: true })
    expect(result.threads).toBe(2)
    const expected = await logitsInNode(true)
    const scale = Math.max(...expected.map(Math.abs))
    expect(Math.max(...expected.map((v, i) => Math.abs(v - result.logits[i]))) / scale).toBeLessThan(2e-6)
  })

  test('fall back to one thread on a page without shared memory', async () => {
    const result = await run({ threads: 2, relaxedSimd: true, isolated: false })
    expect(result.threads).toBe(1)
    expect(result.logits).toHaveLength(1000)
  })
})

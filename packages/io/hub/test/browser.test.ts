import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type * as hubPackage from '../src/index.js'
import { bytes, commit, serve, sha256, startServer, type TestServer } from './server.js'
import { compilePackage, packageFolder } from './setup.js'

const document = '<!doctype html><script type="module">import * as hub from "/index.js"; globalThis.scanlineHub = hub</script>'
const built = mkdtempSync(join(tmpdir(), 'scanline-hub-page-'))
const executablePath = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

beforeAll(() => compilePackage(built))
afterAll(() => rmSync(built, { recursive: true, force: true }))

/** Files that a module imports, directly or not. */
function reached(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found
  found.add(file)
  for (const [, specifier = ''] of readFileSync(join(built, file), 'utf8').matchAll(/(?:from|import)\s*\(?['"]([^'"]+)['"]/g)) {
    if (specifier.startsWith('.')) reached(join(dirname(file), specifier), found)
    else found.add(specifier)
  }
  return found
}

describe('the entry for pages', () => {
  it('reaches nothing of Node', () => {
    const files = [...reached('index.js')]
    expect(files).toContain('cache.browser.js')
    expect(files.filter((file) => file.startsWith('node:') || file.includes('.node.'))).toEqual([])
    expect([...reached('index.node.js')]).toContain('node:fs/promises')
  })

  it('is what export conditions choose outside of Node', () => {
    const entry = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')).exports['.']
    expect(Object.keys(entry)[0]).toBe('node')
    expect(entry.node.default).toBe('./dist/index.node.js')
    expect(entry.default).toBe('./dist/index.js')
  })
})

// Skipped only where no Chromium is installed; CHROMIUM_PATH names one elsewhere.
describe.skipIf(executablePath === undefined)('in Chromium', () => {
  const body = bytes(400_000)
  const cors = {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'etag, content-range, content-length, last-modified',
  }
  let browser: Browser
  let page: Page
  let site: TestServer
  let server: TestServer

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] })
    site = await startServer((request, response) => {
      if (request.url === '/') return void response.writeHead(200, { 'content-type': 'text/html' }).end(document)
      const file = join(built, request.url ?? '')
      if (!existsSync(file)) return void response.writeHead(404).end()
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(file))
    })
    server = await startServer()
  })
  afterAll(async () => {
    await browser?.close()
    await site?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    const context = await browser.newContext()
    page = await context.newPage()
    await page.goto(site.url)
    server.seen.length = 0
    server.handler = serve({ body, etag: '"v1"', headers: cors })
    return () => context.close()
  })

  interface Job {
    ref: string
    options?: { sha256?: string }
    hub?: { endpoint?: string; offline?: boolean; attempts?: number }
  }

  /** Runs `hub.file` in the page. */
  const fileInPage = (job: Job) =>
    page.evaluate(async ({ ref, options, hub = {} }: Job) => {
      const { createHub } = (globalThis as unknown as { scanlineHub: typeof hubPackage }).scanlineHub
      const { attempts = 3, ...rest } = hub
      const received: number[] = []
      try {
        const client = createHub({ retry: { attempts, delayMs: 5 }, ...rest })
        const file = await client.file(ref, { ...options, onProgress: (step) => received.push(step.received) })
        const digest = await crypto.subtle.digest('SHA-256', await (await file.blob()).arrayBuffer())
        const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
        return { size: file.size, fromCache: file.fromCache, sha256: hex, first: received[0] }
      } catch (error) {
        return { name: (error as Error).name, message: (error as Error).message }
      }
    }, job)

  const good = { size: body.length, sha256: sha256(body) }

  it('keeps files in Cache Storage, and uses them offline', async () => {
    const ref = `${server.url}/net.pth`
    expect(await fileInPage({ ref, hub: { offline: true } })).toMatchObject({
      name: 'OfflineError',
      message: expect.stringContaining('Cache Storage'),
    })
    expect(await fileInPage({ ref })).toMatchObject({ ...good, fromCache: false })
    expect(await fileInPage({ ref })).toMatchObject({ ...good, fromCache: true })
    expect(server.gets()).toHaveLength(1)
    await page.reload()
    expect(await fileInPage({ ref, hub: { offline: true } })).toMatchObject({ ...good, fromCache: true })
  })

  it('continues a broken download, in the same call and after a reload', async () => {
    const ref = `${server.url}/net.pth`
    const options = { sha256: sha256(body) }
    for (let i = 0; i < 2; i++) server.next.GET.push(serve({ body, etag: '"v1"', headers: cors, breakAfter: 100_000 }))
    expect(await fileInPage({ ref, options, hub: { attempts: 2 } })).toMatchObject({ name: 'NetworkError' })
    await page.reload()
    expect(await fileInPage({ ref, options })).toMatchObject({ ...good, first: 200_000 })
    expect(server.gets().map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-', 'bytes=200000-'])
  })

  it('refuses bytes with another checksum', async () => {
    const answer = await fileInPage({ ref: `${server.url}/net.pth`, options: { sha256: sha256(bytes(10)) } })
    expect(answer).toMatchObject({ name: 'ChecksumError' })
  })

  it("learns a hub file's checksum from the hub's API, as redirects are followed unseen", async () => {
    const promised = { sha256: sha256(body) }
    server.handler = (request, response) => {
      if (request.method === 'OPTIONS')
        return void response.writeHead(204, { ...cors, 'access-control-allow-headers': '*' }).end()
      if (request.url === '/api/models/org/net/paths-info/main') {
        const lfs = { oid: promised.sha256, size: body.length, pointerSize: 134 }
        return void response
          .writeHead(200, { ...cors, 'content-type': 'application/json' })
          .end(JSON.stringify([{ path: 'model.safetensors', lfs }]))
      }
      if (request.url?.startsWith('/org/'))
        return void response.writeHead(302, { ...cors, location: '/cdn', 'x-repo-commit': commit }).end()
      serve({ body, etag: '"of the cdn"', headers: cors })(request, response)
    }
    const job = { ref: 'org/net', hub: { endpoint: server.url } }
    expect(await fileInPage(job)).toMatchObject({ ...good, fromCache: false })
    promised.sha256 = sha256(bytes(10))
    expect(await fileInPage(job)).toMatchObject({ name: 'ChecksumError' })
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { bytes, serve, sha256, startServer } from './server.js'
import { compilePackage, hubIn, listing, temporaryFolder } from './setup.js'

const script = fileURLToPath(new URL('./child.mjs', import.meta.url))
const built = mkdtempSync(join(tmpdir(), 'scanline-hub-built-'))
const body = bytes(1_000_000)
const etag = '"v1"'

beforeAll(() => compilePackage(built))
afterAll(() => rmSync(built, { recursive: true, force: true }))

function start(cacheDir: string, url: string, { digest = '', shell = '' } = {}) {
  const args = [script, pathToFileURL(join(built, 'index.node.js')).href, cacheDir, url, digest]
  const child = shell
    ? spawn('/bin/sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...args])
    : spawn(process.execPath, args)
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const output = createInterface({ input: child.stdout })
  output.on('line', (line) => lines.push(line))
  const until = (test: (line: string) => boolean) =>
    new Promise<void>((resolve) => {
      output.on('line', (line) => test(line) && resolve())
    })
  return { child, lines, until, ended: ended(child) }
}

const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('close', resolve))

async function slowServer() {
  const server = await startServer(serve({ body, etag, paceMs: 3 }))
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

describe('processes', () => {
  it('leave a part behind when killed, which the next one continues', async () => {
    const server = await slowServer()
    const cacheDir = temporaryFolder()
    const first = start(cacheDir, `${server.url}/net.pth`)
    await first.until((line) => Number(line.split(' ')[1]) > 300_000)
    first.child.kill('SIGKILL')
    await first.ended
    expect(listing(cacheDir)).toEqual([expect.stringMatching(/\.part$/)])

    const second = start(cacheDir, `${server.url}/net.pth`)
    expect(await second.ended).toBe(0)
    expect(Number(second.lines[0]?.split(' ')[1])).toBeGreaterThan(300_000)
    expect(server.gets()[1]?.headers).toMatchObject({ range: expect.stringMatching(/^bytes=\d+-$/), 'if-range': etag })
    const { path } = (await hubIn(cacheDir, { offline: true }).cached(`${server.url}/net.pth`))!
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(listing(cacheDir).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('that bring the same file at the same time do not disturb each other', async () => {
    const server = await slowServer()
    const cacheDir = temporaryFolder()
    const children = [1, 2, 3].map(() => start(cacheDir, `${server.url}/net.pth`, { digest: sha256(body) }))
    const here = Promise.all([1, 2].map(() => hubIn(cacheDir).file(`${server.url}/net.pth`, { sha256: sha256(body) })))
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0])
    for (const { path } of await here) expect(readFileSync(path).equals(body)).toBe(true)
    expect(listing(cacheDir).filter((name) => /\.(part|tmp)$/.test(name))).toEqual([])
    expect(listing(cacheDir).filter((name) => name.includes('/blobs/'))).toHaveLength(1)
  })

  it.skipIf(process.platform === 'win32')('that run out of room say so and keep what has arrived', async () => {
    const server = await slowServer()
    const cacheDir = temporaryFolder()
    // A limit on the file size (in blocks of 512 bytes) fails the write as a full disk does, for root too.
    const limited = start(cacheDir, `${server.url}/net.pth`, { shell: 'ulimit -f 800' })
    expect(await limited.ended).toBe(1)
    expect(limited.lines.at(-1)).toMatch(/^failed CacheError .*EFBIG.*SCANLINE_CACHE/)
    const roomy = start(cacheDir, `${server.url}/net.pth`)
    expect(await roomy.ended).toBe(0)
    expect(roomy.lines[0]).toBe(`received ${800 * 512}`)
    const { path } = (await hubIn(cacheDir).cached(`${server.url}/net.pth`))!
    expect(readFileSync(path).equals(body)).toBe(true)
  })
})

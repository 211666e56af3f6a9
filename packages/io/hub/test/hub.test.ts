import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ChecksumError, createHub, OfflineError, type Progress } from '../src/index.node.js'
import { bytes, commit, hubHandler, serve, sha256, startServer } from './server.js'
import { hubIn, listing, quick, temporaryFolder } from './setup.js'

async function hubAndCdn(body: Buffer) {
  const cdn = await startServer(serve({ body, etag: '"of the cdn"' }))
  const hub = await startServer(hubHandler(cdn.url, body))
  onTestFinished(async () => {
    await Promise.all([cdn[Symbol.asyncDispose](), hub[Symbol.asyncDispose]()])
  })
  return { cdn, hub }
}

describe('a hub id', () => {
  const body = bytes(300_000)

  it("is downloaded into Hugging Face's layout, once", async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const cacheDir = temporaryFolder()
    const client = hubIn(cacheDir, { endpoint: hub.url })
    const steps: Progress[] = []

    const first = await client.file('org/net', { onProgress: (step) => steps.push(step) })
    expect(first).toMatchObject({ size: body.length, fromCache: false })
    expect(first.path).toBe(join(cacheDir, 'models--org--net/snapshots', commit, 'model.safetensors'))
    expect(readFileSync(first.path).equals(body)).toBe(true)
    expect(Buffer.from(await (await first.blob()).slice(1000, 2000).arrayBuffer()).equals(body.subarray(1000, 2000))).toBe(true)
    expect(readlinkSync(first.path)).toBe(join('../../blobs', sha256(body)))
    expect(readFileSync(join(cacheDir, 'models--org--net/refs/main'), 'utf8')).toBe(commit)
    expect(listing(cacheDir)).toHaveLength(3)
    expect(steps[0]).toEqual({ file: 'org/net', received: 0, total: body.length })
    expect(steps.at(-1)).toEqual({ file: 'org/net', received: body.length, total: body.length })
    expect(hub.gets()[0]?.path).toBe(`/org/net/resolve/${commit}/model.safetensors`)

    const second = await client.file('org/net')
    expect(second).toMatchObject({ path: first.path, fromCache: true })
    expect(cdn.seen).toHaveLength(1)
  })

  it('is asked about before it is downloaded, and looked up without asking', async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const client = hubIn(temporaryFolder(), { endpoint: hub.url })
    expect(await client.info('org/net')).toMatchObject({ size: body.length, sha256: sha256(body), commit })
    expect(await client.cached('org/net')).toBeUndefined()
    expect(cdn.seen).toHaveLength(0)
    await client.file('org/net')
    const asked = hub.seen.length
    expect(await client.cached('org/net')).toMatchObject({ size: body.length, fromCache: true })
    expect(hub.seen).toHaveLength(asked)
  })

  it('pinned by commit or checksum needs no server the second time', async () => {
    const { hub } = await hubAndCdn(body)
    const client = hubIn(temporaryFolder(), { endpoint: hub.url })
    await client.file(`org/net@${commit}`)
    await client.file('org/net')
    const asked = hub.seen.length
    expect(await client.file(`org/net@${commit}`)).toMatchObject({ fromCache: true })
    expect(await client.file('org/net', { sha256: sha256(body).toUpperCase() })).toMatchObject({ fromCache: true })
    expect(hub.seen).toHaveLength(asked)
  })

  it('follows its branch, and shares bytes between revisions', async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const cacheDir = temporaryFolder()
    const client = hubIn(cacheDir, { endpoint: hub.url })
    const old = await client.file('org/net')
    const moved = 'c0ffee0000000000000000000000000000000002'
    hub.handler = hubHandler(cdn.url, body, { 'x-repo-commit': moved })
    const same = await client.file('org/net')
    expect(same.path).toContain(moved)
    expect(cdn.seen).toHaveLength(1)

    const changed = bytes(1000)
    cdn.handler = serve({ body: changed })
    hub.handler = hubHandler(cdn.url, changed, { 'x-repo-commit': commit.replace('1', '3') })
    expect(readFileSync((await client.file('org/net')).path).equals(changed)).toBe(true)
    expect(readFileSync(old.path).equals(body)).toBe(true)
  })

  it('finds what another client of the hub has brought', async () => {
    const cacheDir = temporaryFolder()
    const folder = join(cacheDir, 'models--org--net')
    for (const part of ['blobs', 'refs', `snapshots/${commit}`]) mkdirSync(join(folder, part), { recursive: true })
    writeFileSync(join(folder, 'blobs', sha256(body)), body)
    writeFileSync(join(folder, 'refs/main'), commit)
    symlinkSync(`../../blobs/${sha256(body)}`, join(folder, 'snapshots', commit, 'model.safetensors'))
    const client = hubIn(cacheDir, { offline: true })
    expect(await client.file('org/net')).toMatchObject({ size: body.length, fromCache: true })
  })

  it('works where links had to be replaced by files', async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const cacheDir = temporaryFolder()
    const client = hubIn(cacheDir, { endpoint: hub.url })
    const { path } = await client.file('org/net')
    rmSync(path)
    writeFileSync(path, body)
    rmSync(join(cacheDir, 'models--org--net/blobs', sha256(body)))
    expect(await client.file('org/net')).toMatchObject({ path, fromCache: true })
    expect(await client.file('org/net', { sha256: sha256(body) })).toMatchObject({ path, fromCache: true })
    expect(lstatSync(path).isSymbolicLink()).toBe(false)
    expect(cdn.seen).toHaveLength(1)
  })

  it('downloads again what the cache holds with the wrong length', async () => {
    const { hub } = await hubAndCdn(body)
    const client = hubIn(temporaryFolder(), { endpoint: hub.url })
    const { path } = await client.file('org/net')
    writeFileSync(path, body.subarray(0, 100))
    expect(await client.file('org/net')).toMatchObject({ path, fromCache: false })
    expect(readFileSync(path).equals(body)).toBe(true)
  })

  it('may be a small file, named by its git hash and tagged otherwise by the CDN', async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const gitHash = 'ab'.repeat(20)
    hub.handler = hubHandler(cdn.url, body, { etag: '"of the hub"', 'x-linked-etag': `"${gitHash}"` })
    const { path } = await hubIn(temporaryFolder(), { endpoint: hub.url }).file('org/net:config.json')
    expect(readlinkSync(path)).toBe(join('../../blobs', gitHash))
    expect(readFileSync(path).equals(body)).toBe(true)
  })

  it('ignores a commit or tag that would leave the cache', async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const cacheDir = temporaryFolder()
    hub.handler = hubHandler(cdn.url, body, { 'x-repo-commit': '../../../evil', 'x-linked-etag': '"../../../evil"' })
    await hubIn(cacheDir, { endpoint: hub.url }).file('org/net')
    expect(listing(cacheDir).every((path) => path.startsWith('models--org--net/'))).toBe(true)
    expect(existsSync(join(cacheDir, '../evil'))).toBe(false)
  })
})

describe('offline', () => {
  const body = bytes(5000)

  it('names the place where it looked', async () => {
    const cacheDir = temporaryFolder()
    const client = hubIn(cacheDir, { offline: true, endpoint: 'http://127.0.0.1:9' })
    const error = await client.file('org/net').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(OfflineError)
    expect(error).toMatchObject({ lookedAt: join(cacheDir, 'models--org--net') })
    expect(String(error)).toContain(join(cacheDir, 'models--org--net'))
    await expect(client.info('org/net')).rejects.toThrow(OfflineError)
  })

  it('serves the cache, and falls back on it when nobody answers', async () => {
    const { cdn, hub } = await hubAndCdn(body)
    const cacheDir = temporaryFolder()
    await hubIn(cacheDir, { endpoint: hub.url }).file('org/net')
    await Promise.all([cdn[Symbol.asyncDispose](), hub[Symbol.asyncDispose]()])
    expect(await hubIn(cacheDir, { offline: true }).file('org/net')).toMatchObject({ fromCache: true })
    expect(await hubIn(cacheDir, { endpoint: hub.url }).file('org/net')).toMatchObject({ fromCache: true })
    const other = { sha256: sha256(bytes(10)) }
    await expect(hubIn(cacheDir, { offline: true }).file('org/net', other)).rejects.toThrow(ChecksumError)
    await expect(hubIn(cacheDir, { endpoint: hub.url }).file('org/net', other)).rejects.toThrow('another SHA-256')
  })

  it('is what HF_HUB_OFFLINE=1 means, with SCANLINE_CACHE as the place', async () => {
    const before = { ...process.env }
    onTestFinished(() => void (process.env = before))
    const cacheDir = temporaryFolder()
    process.env = { ...before, HF_HUB_OFFLINE: '1', SCANLINE_CACHE: cacheDir }
    await expect(createHub(quick).file('org/net')).rejects.toThrow(cacheDir)
  })
})

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CacheError, ChecksumError, InconsistentError, NetworkError } from '../src/index.node.js'
import { bytes, hubHandler, serve, sha256, startServer, type TestServer } from './server.js'
import { hubIn, listing, temporaryFolder } from './setup.js'

const body = bytes(400_000)
const etag = '"v1"'

async function fileServer(): Promise<TestServer> {
  const server = await startServer(serve({ body, etag }))
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

const parts = (folder: string) => listing(folder).filter((path) => path.endsWith('.part'))
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a broken transfer', () => {
  it('continues where it broke, under If-Range', async () => {
    const server = await fileServer()
    server.next.GET.push(serve({ body, etag, breakAfter: 150_000 }))
    const received: number[] = []
    const { path } = await hubIn(temporaryFolder()).file(`${server.url}/net.pth`, {
      onProgress: (step) => received.push(step.received),
    })
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(path.endsWith('/net.pth')).toBe(true)
    expect(server.gets()[1]?.headers).toMatchObject({ range: 'bytes=150000-', 'if-range': etag })
    expect(received).toEqual([...received].sort((a, b) => a - b))
  })

  it('continues in a later call after giving up or being cancelled', async () => {
    const server = await fileServer()
    const cacheDir = temporaryFolder()
    const hub = hubIn(cacheDir, { retry: { attempts: 1, delayMs: 1 } })
    server.next.GET.push(serve({ body, etag, breakAfter: 100_000 }))
    await expect(hub.file(`${server.url}/net.pth`)).rejects.toThrow(NetworkError)
    expect(parts(cacheDir)).toHaveLength(1)

    server.next.GET.push(serve({ body, etag, paceMs: 5 }))
    const stop = new AbortController()
    const onProgress = ({ received }: { received: number }) => received > 200_000 && stop.abort(new Error('enough'))
    await expect(hub.file(`${server.url}/net.pth`, { signal: stop.signal, onProgress })).rejects.toThrow('enough')
    expect(server.gets()[1]?.headers.range).toBe('bytes=100000-')

    const steps: number[] = []
    const { path } = await hub.file(`${server.url}/net.pth`, { onProgress: ({ received }) => steps.push(received) })
    expect(steps[0]).toBeGreaterThan(200_000)
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(parts(cacheDir)).toHaveLength(0)
  })

  it('starts again on a server that knows no ranges', async () => {
    const server = await fileServer()
    server.handler = serve({ body, etag, ranges: false })
    server.next.GET.push(serve({ body, etag, breakAfter: 150_000, ranges: false }))
    const { path } = await hubIn(temporaryFolder()).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(body)).toBe(true)
  })

  it('starts again on a server without tag or date', async () => {
    const server = await fileServer()
    server.handler = serve({ body })
    server.next.GET.push(serve({ body, breakAfter: 150_000 }))
    const { path } = await hubIn(temporaryFolder()).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(server.gets()[1]?.headers.range).toBeUndefined()
  })

  it('brings the new file when it changed meanwhile', async () => {
    const server = await fileServer()
    const changed = bytes(400_000)
    server.next.GET.push((request, response) => {
      serve({ body, etag, breakAfter: 150_000 })(request, response)
      server.handler = serve({ body: changed, etag: '"v2"' })
    })
    const cacheDir = temporaryFolder()
    const { path } = await hubIn(cacheDir).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(changed)).toBe(true)
    expect(parts(cacheDir)).toHaveLength(0)
  })

  it('brings the new file when it changed between two calls, and drops the old part', async () => {
    const server = await fileServer()
    const cacheDir = temporaryFolder()
    server.next.GET.push(serve({ body, etag, breakAfter: 150_000 }))
    await failure(hubIn(cacheDir, { retry: { attempts: 1, delayMs: 1 } }).file(`${server.url}/net.pth`))
    const changed = bytes(300_000)
    server.handler = serve({ body: changed, etag: '"v2"' })
    const { path } = await hubIn(cacheDir).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(changed)).toBe(true)
    expect(server.gets()[1]?.headers.range).toBeUndefined()
    expect(parts(cacheDir)).toHaveLength(0)
  })

  it.each([
    ['another range', { 'content-range': 'bytes 0-249999/400000' }],
    ['416', undefined],
  ])('survives a server that answers with %s', async (_, headers) => {
    const server = await fileServer()
    server.next.GET.push(serve({ body, etag, breakAfter: 150_000 }))
    server.next.GET.push((_, response) => void response.writeHead(headers ? 206 : 416, headers).end())
    const { path } = await hubIn(temporaryFolder()).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(body)).toBe(true)
  })

  it('gives up on a server that stalls', async () => {
    const server = await fileServer()
    const stall = (_: unknown, response: import('node:http').ServerResponse) =>
      void response.writeHead(200, { 'content-length': body.length, etag }).write(body.subarray(0, 1000))
    server.next.GET.push(stall, stall)
    const hub = hubIn(temporaryFolder(), { timeoutMs: 100, retry: { attempts: 2, delayMs: 1 } })
    const error = await failure(hub.file(`${server.url}/net.pth`))
    expect(error).toBeInstanceOf(NetworkError)
    expect(String(error)).toMatch(/no data for 0.1 s.*after 2 attempts/)
  })

  it('keeps going as long as each attempt brings a mebibyte', async () => {
    const big = bytes(6 << 20)
    const server = await fileServer()
    server.handler = serve({ body: big, etag })
    for (let i = 0; i < 4; i++) server.next.GET.push(serve({ body: big, etag, breakAfter: 1.2 * 2 ** 20 }))
    const { path } = await hubIn(temporaryFolder(), { retry: { attempts: 2, delayMs: 1 } }).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(big)).toBe(true)
    expect(server.gets()).toHaveLength(5)
  })
})

describe('a checksum', () => {
  it('that does not hold is an error, and nothing stays', async () => {
    const server = await fileServer()
    const cacheDir = temporaryFolder()
    const expected = sha256(bytes(10))
    const error = await failure(hubIn(cacheDir).file(`${server.url}/net.pth`, { sha256: expected }))
    expect(error).toBeInstanceOf(ChecksumError)
    expect(error).toMatchObject({ expected, actual: sha256(body) })
    expect(listing(cacheDir)).toEqual([])
  })

  it('that the hub contradicts saves the download', async () => {
    const server = await fileServer()
    server.handler = hubHandler(server.url, body)
    const wanted = sha256(bytes(10))
    await expect(hubIn(temporaryFolder(), { endpoint: server.url }).file('org/net', { sha256: wanted })).rejects.toThrow(
      ChecksumError,
    )
    expect(server.gets()).toHaveLength(0)
  })

  it('of the hub is checked against what its CDN sends; a good file stays', async () => {
    const cdn = await fileServer()
    const hub = await fileServer()
    hub.handler = hubHandler(cdn.url, body)
    const cacheDir = temporaryFolder()
    const client = hubIn(cacheDir, { endpoint: hub.url })
    const { path } = await client.file('org/net')
    const promised = bytes(400_000)
    hub.handler = hubHandler(cdn.url, promised, { 'x-repo-commit': 'c0ffee0000000000000000000000000000000002' })
    await expect(client.file('org/net')).rejects.toThrow(ChecksumError)
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(await client.cached('org/net')).toMatchObject({ path })
    expect(parts(cacheDir)).toEqual([])
  })

  it('given for a file that is already there is checked against it', async () => {
    const server = await fileServer()
    const hub = hubIn(temporaryFolder())
    await hub.file(`${server.url}/net.pth`)
    const asked = server.seen.length
    expect(await hub.file(`${server.url}/net.pth`, { sha256: sha256(body) })).toMatchObject({ fromCache: true })
    expect(server.seen).toHaveLength(asked)
  })

  it('spoilt by a damaged part is repaired by a fresh start', async () => {
    const server = await fileServer()
    const cacheDir = temporaryFolder()
    const once = hubIn(cacheDir, { retry: { attempts: 1, delayMs: 1 } })
    server.next.GET.push(serve({ body, etag, breakAfter: 150_000 }))
    await failure(once.file(`${server.url}/net.pth`, { sha256: sha256(body) }))
    const [part] = parts(cacheDir)
    writeFileSync(join(cacheDir, part!), Buffer.alloc(150_000))
    const { path } = await once.file(`${server.url}/net.pth`, { sha256: sha256(body) })
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(server.gets().map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=150000-', undefined])
  })

  it('must look like one', async () => {
    await expect(hubIn(temporaryFolder()).file('org/net', { sha256: 'abc' })).rejects.toThrow('64 hexadecimal digits')
  })
})

describe('a length', () => {
  it('that differs between question and download is an error', async () => {
    const server = await fileServer()
    const cacheDir = temporaryFolder()
    server.handler = (request, response) =>
      serve({ body: request.method === 'HEAD' ? body : body.subarray(0, 1000) })(request, response)
    await expect(hubIn(cacheDir).file(`${server.url}/net.pth`)).rejects.toThrow(InconsistentError)
    expect(listing(cacheDir)).toEqual([])
  })

  it('that is exceeded stops the download', async () => {
    const server = await fileServer()
    const endless = (_: unknown, response: import('node:http').ServerResponse) => {
      const more = () => void (response.destroyed || response.write(body, () => setImmediate(more)))
      more()
    }
    server.handler = (request, response) =>
      request.method === 'HEAD' ? serve({ body, etag })(request, response) : endless(request, response)
    await expect(hubIn(temporaryFolder()).file(`${server.url}/net.pth`)).rejects.toThrow(InconsistentError)
  })

  it('that is never reached is an error that tells both', async () => {
    const server = await fileServer()
    server.handler = (request, response) =>
      request.method === 'HEAD'
        ? serve({ body, etag })(request, response)
        : void response.writeHead(200, { etag }).end(body.subarray(0, 1000))
    const error = await failure(hubIn(temporaryFolder()).file(`${server.url}/net.pth`))
    expect(error).toBeInstanceOf(NetworkError)
    expect(String(error)).toContain('1000 of 400000 bytes')
  })

  it('may be unknown, or zero', async () => {
    const server = await fileServer()
    const hub = hubIn(temporaryFolder())
    server.handler = (_, response) => void response.writeHead(200, { etag, 'transfer-encoding': 'chunked' }).end(body)
    expect((await hub.info(`${server.url}/chunked.pth`)).size).toBeUndefined()
    expect(readFileSync((await hub.file(`${server.url}/chunked.pth`)).path).equals(body)).toBe(true)
    server.handler = serve({ body: Buffer.alloc(0), etag })
    expect(await hub.file(`${server.url}/empty.pth`)).toMatchObject({ size: 0 })
  })
})

describe('a cache that cannot be written', () => {
  it('is reported before the download when there is no room', async () => {
    const server = await fileServer()
    server.next.HEAD.push((_, response) => void response.writeHead(200, { 'content-length': 9e15, etag }).end())
    const error = await failure(hubIn(temporaryFolder()).file(`${server.url}/net.pth`))
    expect(error).toBeInstanceOf(CacheError)
    expect(String(error)).toMatch(/SCANLINE_CACHE/)
    expect(server.gets()).toHaveLength(0)
  })

  it('is reported with its path when something is in the way', async () => {
    const server = await fileServer()
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    const error = await failure(hubIn(join(folder, 'file')).file(`${server.url}/net.pth`))
    expect(error).toBeInstanceOf(CacheError)
    expect(String(error)).toContain(join(folder, 'file'))
  })

  it('keeps its good files', async () => {
    const server = await fileServer()
    const cacheDir = temporaryFolder()
    const hub = hubIn(cacheDir)
    const { path } = await hub.file(`${server.url}/net.pth`)
    const changed = bytes(1000)
    server.handler = serve({ body: changed, etag: '"v2"' })
    const { version } = await hub.info(`${server.url}/net.pth`)
    // A folder where the blob of the new version belongs makes its rename fail, for root too.
    const blob = (await import('node:crypto')).createHash('sha256').update(version).digest('hex').slice(0, 40)
    const [entry] = listing(cacheDir)[0]!.split('/blobs/')
    mkdirSync(join(cacheDir, entry!, 'blobs', blob, 'x'), { recursive: true })
    await expect(hub.file(`${server.url}/net.pth`)).rejects.toThrow(CacheError)
    expect(readFileSync(path).equals(body)).toBe(true)
    expect(await hub.cached(`${server.url}/net.pth`)).toMatchObject({ path })
  })
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { retryAfter } from '../src/http.js'
import { AccessError, createHub, HttpError, NetworkError, NotFoundError } from '../src/index.node.js'
import { bytes, hubHandler, serve, startServer, type TestServer } from './server.js'
import { hubIn, quick, temporaryFolder } from './setup.js'

const body = bytes(50_000)
const etag = '"v1"'

async function fileServer(): Promise<TestServer> {
  const server = await startServer(serve({ body, etag }))
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_: unknown, response: import('node:http').ServerResponse) =>
    void response.writeHead(code, headers).end()

describe('a busy server', () => {
  it.each([408, 429, 500, 502, 503, 504])('that answers %i is asked again', async (code) => {
    const server = await fileServer()
    server.next.HEAD.push(status(code))
    server.next.GET.push(status(code), status(code))
    const { path } = await hubIn(temporaryFolder()).file(`${server.url}/net.pth`)
    expect(readFileSync(path).equals(body)).toBe(true)
  })

  it('that resets connections is asked again', async () => {
    const server = await fileServer()
    server.next.HEAD.push((request) => request.socket.resetAndDestroy())
    server.next.GET.push((request) => request.socket.resetAndDestroy())
    expect(await hubIn(temporaryFolder()).file(`${server.url}/net.pth`)).toMatchObject({ size: body.length })
  })

  it('is given the time it asks for', async () => {
    const server = await fileServer()
    server.next.HEAD.push(status(429, { 'retry-after': '1' }))
    const start = performance.now()
    await hubIn(temporaryFolder()).info(`${server.url}/net.pth`)
    expect(performance.now() - start).toBeGreaterThan(950)
  })

  it('that asks for too much time is left alone, and the caller told', async () => {
    const server = await fileServer()
    server.handler = status(503, { 'retry-after': '3600' })
    const error = await hubIn(temporaryFolder())
      .file(`${server.url}/net.pth`)
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(NetworkError)
    expect(error).toMatchObject({ status: 503, retryAfterMs: 3_600_000 })
    expect(String(error)).toContain('asks to wait 3600 s')
    expect(server.seen).toHaveLength(1)
  })

  it('that stays busy is an error after the last attempt', async () => {
    const server = await fileServer()
    server.handler = status(502)
    await expect(hubIn(temporaryFolder()).file(`${server.url}/net.pth`)).rejects.toThrow(/502 Bad Gateway \(after 3 attempts\)/)
    expect(server.seen).toHaveLength(3)
  })

  it('does not keep a cancelled call waiting', async () => {
    const server = await fileServer()
    server.handler = status(503, { 'retry-after': '50' })
    const stop = AbortSignal.timeout(50)
    await expect(hubIn(temporaryFolder()).file(`${server.url}/net.pth`, { signal: stop })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })

  it('writes its wish in seconds or as a date', () => {
    const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT')
    expect(retryAfter('120', now)).toBe(120_000)
    expect(retryAfter('Wed, 21 Oct 2015 07:28:30 GMT', now)).toBe(30_000)
    expect(retryAfter('Wed, 21 Oct 2015 07:00:00 GMT', now)).toBe(0)
    expect(retryAfter('soon', now)).toBeUndefined()
  })

  it('that does not exist is named', async () => {
    const error = await hubIn(temporaryFolder())
      .file('http://127.0.0.1:9/net.pth')
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(NetworkError)
    expect(String(error)).toContain('127.0.0.1:9')
  })
})

describe('a refusal', () => {
  it.each([
    [404, { 'x-error-code': 'EntryNotFound' }, false, NotFoundError, 'no such file'],
    [404, { 'x-error-code': 'RevisionNotFound' }, false, NotFoundError, 'no such revision'],
    [401, { 'x-error-code': 'RepoNotFound' }, false, NotFoundError, 'set HF_TOKEN'],
    [404, { 'x-error-code': 'RepoNotFound' }, 'secret', NotFoundError, 'the token in use may not read it'],
    [403, { 'x-error-code': 'GatedRepo' }, false, AccessError, 'accept its conditions at'],
    [401, {}, false, AccessError, 'a token is needed'],
    [403, {}, 'secret', AccessError, 'the token in use was refused'],
    [418, { 'x-error-message': 'short and stout' }, false, HttpError, 'short and stout'],
  ] as const)('%i %j, token %s', async (code, headers, token, type, message) => {
    const server = await fileServer()
    server.handler = status(code, headers)
    const error = await hubIn(temporaryFolder(), { endpoint: server.url, token })
      .file('org/net')
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({ status: code })
    expect(String(error)).toContain(message)
    expect(String(error)).not.toContain('secret')
  })

  it('of HEAD alone is got around', async () => {
    const server = await fileServer()
    for (const code of [403, 405, 501]) {
      server.next.HEAD.push(status(code))
      expect(await hubIn(temporaryFolder()).info(`${server.url}/net.pth`)).toMatchObject({ size: body.length })
    }
  })
})

describe('the token', () => {
  it('goes to the hub and not to its CDN', async () => {
    const cdn = await fileServer()
    const hub = await fileServer()
    hub.handler = (request, response) =>
      request.headers.authorization === 'Bearer secret'
        ? hubHandler(cdn.url, body)(request, response)
        : status(401)(request, response)
    await hubIn(temporaryFolder(), { endpoint: hub.url, token: 'secret' }).file('org/net')
    expect(cdn.seen.length).toBeGreaterThan(0)
    expect(cdn.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    await expect(hubIn(temporaryFolder(), { endpoint: hub.url, token: false }).file('org/net')).rejects.toThrow(AccessError)
  })

  it('does not go to other addresses', async () => {
    const server = await fileServer()
    await hubIn(temporaryFolder(), { endpoint: 'https://huggingface.co', token: 'secret' }).file(`${server.url}/net.pth`)
    expect(server.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  it('comes from HF_TOKEN, or from the file that the login command writes', async () => {
    const server = await fileServer()
    const home = temporaryFolder()
    const before = { ...process.env }
    onTestFinished(() => void (process.env = before))
    const { HF_TOKEN: _, HUGGING_FACE_HUB_TOKEN: __, HF_TOKEN_PATH: ___, ...rest } = before
    const { retry, timeoutMs } = quick
    process.env = { ...rest, HF_HOME: home, HF_ENDPOINT: server.url }
    writeFileSync(join(home, 'token'), 'from file\n')
    await createHub({ retry, timeoutMs }).info('org/net')
    process.env = { ...process.env, HF_TOKEN: 'from variable' }
    await createHub({ retry, timeoutMs }).info('org/net')
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer from file', 'Bearer from variable'])
  })
})

describe('redirects', () => {
  it('of a renamed repository are followed', async () => {
    const server = await fileServer()
    server.handler = (request, response) =>
      request.url?.startsWith('/old/')
        ? status(307, { location: request.url.replace('/old/', '/new/') })(request, response)
        : serve({ body, etag })(request, response)
    expect(await hubIn(temporaryFolder(), { endpoint: server.url }).file('old/net')).toMatchObject({ size: body.length })
  })

  it('in a circle, to nowhere, or out of https end in an error', async () => {
    const server = await fileServer()
    const hub = hubIn(temporaryFolder())
    server.handler = status(302, { location: '/again' })
    await expect(hub.file(`${server.url}/net.pth`)).rejects.toThrow('redirects more than 10 times')
    server.handler = status(302)
    await expect(hub.file(`${server.url}/net.pth`)).rejects.toThrow('without saying where')
    const fetch = async () => new Response(null, { status: 302, headers: { location: 'http://example.com/' } })
    await expect(hubIn(temporaryFolder(), { fetch }).file('https://example.com/net.pth')).rejects.toThrow(
      'redirects from https to http://example.com',
    )
  })

  it('leave no signed query in an error', async () => {
    const cdn = await fileServer()
    const hub = await fileServer()
    cdn.handler = status(403)
    hub.handler = hubHandler(cdn.url, body)
    const error = await hubIn(temporaryFolder(), { endpoint: hub.url })
      .file('org/net')
      .catch((error: unknown) => error)
    expect(String(error)).toContain('signed links expire')
    expect(String(error)).not.toContain('secret=1')
  })
})

import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Bytes that do not repeat, so that a chunk in the wrong place cannot go unnoticed. */
export const bytes = (length: number) => randomBytes(length)

type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  /** Every request so far, in order. */
  readonly seen: Seen[]
  readonly gets: () => Seen[]
  /** Answers for coming requests of a method, used once each, before `handler`. */
  readonly next: { GET: Handler[]; HEAD: Handler[] }
  handler: Handler
}

export async function startServer(handler: Handler = (_, response) => response.writeHead(404).end()): Promise<TestServer> {
  const seen: Seen[] = []
  const next: TestServer['next'] = { GET: [], HEAD: [] }
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, path: url, headers })
    const special = method === 'GET' || method === 'HEAD' ? next[method].shift() : undefined
    ;(special ?? self.handler)(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self: TestServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    gets: () => seen.filter(({ method }) => method === 'GET'),
    next,
    handler,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return self
}

export interface Served {
  readonly body: Buffer
  readonly etag?: string
  readonly headers?: Record<string, string>
  readonly ranges?: boolean
  /** Breaks the connection after this many bytes of the body. */
  readonly breakAfter?: number
  /** Milliseconds between pieces of 16 KiB. */
  readonly paceMs?: number
}

/** A well-behaved file server, but for what `served` says. */
export function serve({ body, etag, headers = {}, ranges = true, breakAfter, paceMs }: Served): Handler {
  return async (request, response) => {
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const condition = request.headers['if-range']
    const partial = ranges && asked !== null && (condition === undefined || condition === etag)
    const start = partial ? Number(asked[1]) : 0
    const end = partial && asked[2] ? Number(asked[2]) + 1 : body.length
    if (partial && start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
      return
    }
    const piece = body.subarray(start, end)
    response.writeHead(partial ? 206 : 200, {
      'content-length': piece.length,
      ...(etag && { etag }),
      ...(partial && { 'content-range': `bytes ${start}-${end - 1}/${body.length}` }),
      ...headers,
    })
    if (request.method === 'HEAD') return void response.end()
    if (breakAfter !== undefined)
      return void response.write(piece.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 20))
    if (paceMs === undefined) return void response.end(piece)
    for (let at = 0; at < piece.length && !response.destroyed; at += 16_384) {
      response.write(piece.subarray(at, at + 16_384))
      await new Promise((resolve) => setTimeout(resolve, paceMs))
    }
    response.end()
  }
}

export const commit = 'c0ffee0000000000000000000000000000000001'

/** A hub: small headers on a redirect, the bytes on another origin. */
export function hubHandler(cdn: string, body: Buffer, extra: Record<string, string> = {}): Handler {
  return (_, response) =>
    void response
      .writeHead(302, {
        location: `${cdn}/signed?secret=1`,
        'x-repo-commit': commit,
        'x-linked-etag': `"${sha256(body)}"`,
        'x-linked-size': String(body.length),
        ...extra,
      })
      .end()
}

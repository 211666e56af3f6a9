import { AccessError, HttpError, NetworkError, NotFoundError } from './errors.js'

/** What every request needs: who asks, whom the token is for, and how patient to be. */
export interface Client {
  readonly fetch: typeof fetch
  readonly endpoint: string
  /** Sent to the endpoint's own origin and to nobody else. */
  readonly token: () => Promise<string | undefined>
  /** Browsers hide the headers of a redirect, so there it is followed by `fetch`, which drops the token between origins by itself. */
  readonly redirect: 'manual' | 'follow'
  /** A transfer that brings no byte for this long is broken off and tried again. */
  readonly timeoutMs: number
  readonly retry: { readonly attempts: number; readonly delayMs: number }
}

export interface Request {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal | undefined
  /** Sees the headers of every redirect; true makes that redirect the answer. */
  readonly onRedirect?: (headers: Headers) => boolean
}

const maxRedirects = 10
const longestWaitMs = 60_000
const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status)

/**
 * One request, its redirects followed.
 * @throws {NetworkError} when trying again may help, {@link HttpError} or a subclass when not.
 */
export async function send(client: Client, address: string, request: Request): Promise<Response> {
  let url = new URL(address)
  let status = 0
  const token = await client.token()
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const headers = new Headers(request.headers)
    if (token !== undefined && url.origin === new URL(client.endpoint).origin) headers.set('authorization', `Bearer ${token}`)
    const response = await once(client, url.href, { ...request, headers })
    if (!isRedirect(response.status)) return checked(response, url.href, client, token !== undefined)
    status = response.status
    await response.body?.cancel()
    if (request.onRedirect?.(response.headers)) return response
    const location = response.headers.get('location')
    if (location === null || !URL.canParse(location, url)) {
      throw new HttpError(`${url.href} redirects without saying where`, response.status, url.href)
    }
    const next = new URL(location, url)
    if (url.protocol === 'https:' && next.protocol !== 'https:') {
      throw new HttpError(
        `${url.href} redirects from https to ${next.protocol}//${next.host}; refused`,
        response.status,
        url.href,
      )
    }
    url = next
  }
  throw new HttpError(`${address} redirects more than ${maxRedirects} times`, status, address)
}

async function once(client: Client, url: string, request: Omit<Request, 'headers'> & { headers: Headers }): Promise<Response> {
  const { method = 'GET', headers, body, signal } = request
  try {
    return await client.fetch(url, {
      method,
      headers,
      redirect: client.redirect,
      ...(body && { body }),
      ...(signal && { signal }),
    })
  } catch (error) {
    throw connectionFailed(error, url)
  }
}

export function connectionFailed(error: unknown, url: string): NetworkError {
  const reasons: string[] = []
  for (let at = error; at instanceof Error && reasons.length < 4; at = at.cause) reasons.push(at.message)
  return new NetworkError(`${new URL(url).host}: ${reasons.join(': ') || String(error)}`, url, { cause: error })
}

async function checked(response: Response, url: string, client: Client, hasToken: boolean): Promise<Response> {
  const { status } = response
  if (response.ok || status === 416) return response
  await response.body?.cancel()
  const shown = withoutQuery(url)
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterMs = retryAfter(response.headers.get('retry-after'), Date.now())
    throw new NetworkError(`${shown} answered ${status} ${response.statusText}`.trimEnd(), url, { status, retryAfterMs })
  }
  const code = response.headers.get('x-error-code')
  const said = response.headers.get('x-error-message')
  const detail = said ? ` (the server says: ${said.slice(0, 300)})` : ''
  const ours = new URL(url).origin === new URL(client.endpoint).origin
  if (status === 404 || status === 410 || code === 'RepoNotFound') {
    throw new NotFoundError(`${shown}: ${status}, ${whatIsMissing(code, ours, hasToken)}${detail}`, status, url)
  }
  if (status === 401 || status === 403)
    throw new AccessError(`${shown}: ${status}, ${howToGetIn(code, url, ours, hasToken)}${detail}`, status, url)
  throw new HttpError(`${shown} answered ${status} ${response.statusText}${detail}`, status, url)
}

function whatIsMissing(code: string | null, ours: boolean, hasToken: boolean): string {
  if (code === 'EntryNotFound') return 'the repository has no such file; look at its "Files" page for the names it has'
  if (code === 'RevisionNotFound') return 'the repository has no such revision; use a branch, a tag or a full commit hash'
  if (!ours) return 'no such file; check the address'
  const token = hasToken ? 'the token in use may not read it' : 'for a private one set HF_TOKEN'
  return `no such repository or file; check the spelling of "organisation/name", and ${token}`
}

function howToGetIn(code: string | null, url: string, ours: boolean, hasToken: boolean): string {
  const { origin, pathname } = new URL(url)
  const repo = pathname.split('/').slice(1, 3).join('/')
  if (code === 'GatedRepo') {
    return `the model is gated; accept its conditions at ${origin}/${repo}${hasToken ? ' with the account of the token in use' : ', then set HF_TOKEN'}`
  }
  if (!ours) return 'the server refuses access; check the address (signed links expire)'
  if (hasToken) return 'the token in use was refused; check that HF_TOKEN is valid and may read this repository'
  return `a token is needed, or the name is wrong; check "${repo}", and set HF_TOKEN for a private or gated model`
}

/** Signed addresses carry their secret in the query. */
export const withoutQuery = (url: string) => url.replace(/\?.*$/s, '')

/** RFC 9110, section 10.2.3: seconds, or a date. */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/**
 * Runs `attempt` until it succeeds, fails for good, or has failed `attempts` times in a row without progress. Waits the time that the server asks for,
 * up to a minute (a server that asks for more gets no further request), else twice as long each time, with jitter.
 */
export async function retrying<T>(
  { retry }: Pick<Client, 'retry'>,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
  progressed: () => boolean = () => false,
): Promise<T> {
  for (let failed = 1; ; failed++) {
    try {
      signal?.throwIfAborted()
      return await attempt()
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof NetworkError)) throw error
      if (progressed()) failed = 1
      const { retryAfterMs, status } = error
      const waitMs = retryAfterMs ?? Math.min(longestWaitMs / 2, retry.delayMs * 2 ** (failed - 1)) * (0.5 + Math.random() / 2)
      if (failed >= retry.attempts || waitMs > longestWaitMs) {
        const asks = retryAfterMs === undefined ? '' : `; the server asks to wait ${Math.ceil(retryAfterMs / 1000)} s`
        throw new NetworkError(`${error.message} (after ${failed} ${failed === 1 ? 'attempt' : 'attempts'}${asks})`, error.url, {
          ...(status !== undefined && { status }),
          retryAfterMs,
          cause: error,
        })
      }
      await pause(waitMs, signal)
    }
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** A signal that fires when the caller cancels or when `touch` has not been called for `timeoutMs`. */
export function watchdog(timeoutMs: number, signal: AbortSignal | undefined) {
  const idle = new AbortController()
  const expire = () => idle.abort(new Error(`no data for ${timeoutMs / 1000} s`))
  let timer = setTimeout(expire, timeoutMs)
  return {
    signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    touch() {
      clearTimeout(timer)
      timer = setTimeout(expire, timeoutMs)
    },
    stop: () => clearTimeout(timer),
  }
}

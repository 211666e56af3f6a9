/** Every error of this package extends this class; a cancelled call rejects with the reason of its `AbortSignal` instead. */
export class HubError extends Error {
  override readonly name: string = 'HubError'
}

/** The text given as a reference is neither a hub id nor an http(s) URL. */
export class RefError extends HubError {
  override readonly name = 'RefError'
}

/** The file is not in the cache and the network must not be used. */
export class OfflineError extends HubError {
  override readonly name = 'OfflineError'
  /** Where the file was looked for. */
  readonly lookedAt: string
  constructor(message: string, lookedAt: string) {
    super(message)
    this.lookedAt = lookedAt
  }
}

/** The server answered with a status that trying again does not change. */
export class HttpError extends HubError {
  override readonly name: string = 'HttpError'
  readonly status: number
  readonly url: string
  constructor(message: string, status: number, url: string) {
    super(message)
    this.status = status
    this.url = url
  }
}

/** 401 or 403: the file needs a token, another token, or accepted conditions. */
export class AccessError extends HttpError {
  override readonly name = 'AccessError'
}

/** 404 or 410: no such repository, revision or file. */
export class NotFoundError extends HttpError {
  override readonly name = 'NotFoundError'
}

/** No answer, a broken transfer, or a server that stayed busy (408, 429, 5xx), after all retries. What had arrived is kept for the next call. */
export class NetworkError extends HubError {
  override readonly name = 'NetworkError'
  readonly url: string
  readonly status: number | undefined
  /** The delay that the server asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined
  constructor(
    message: string,
    url: string,
    options: { status?: number; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.url = url
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The bytes do not have the expected SHA-256. They are not kept. */
export class ChecksumError extends HubError {
  override readonly name = 'ChecksumError'
  readonly expected: string
  readonly actual: string
  constructor(message: string, expected: string, actual: string) {
    super(message)
    this.expected = expected
    this.actual = actual
  }
}

/** The server contradicts itself about the file's length or version, repeatedly. The bytes are not kept. */
export class InconsistentError extends HubError {
  override readonly name = 'InconsistentError'
  readonly url: string
  constructor(message: string, url: string) {
    super(message)
    this.url = url
  }
}

/** The cache could not be read or written: full disk, missing permission, a file where a folder should be. Files already in it are untouched. */
export class CacheError extends HubError {
  override readonly name = 'CacheError'
  readonly path: string
  constructor(message: string, path: string, cause?: unknown) {
    super(message, { cause })
    this.path = path
  }
}

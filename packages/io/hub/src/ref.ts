import { RefError } from './errors.js'

/** A file in a model repository of a hub that speaks Hugging Face's protocol. */
export interface HubRef {
  readonly kind: 'hub'
  /** `organisation/name`. */
  readonly repo: string
  /** Branch, tag or 40-digit commit. */
  readonly revision: string
  /** Path inside the repository. */
  readonly file: string
}

/** A file at a plain address, such as a GitHub release asset. */
export interface UrlRef {
  readonly kind: 'url'
  readonly url: string
  /** Last segment of the address's path. */
  readonly file: string
}

export type Ref = HubRef | UrlRef

export const defaultFile = 'model.safetensors'
export const defaultEndpoint = 'https://huggingface.co'

const segment = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/
const prefix = /^(hf|hf-hub|hf_hub):/
const commit = /^[0-9a-f]{40}$/

export const isCommit = (revision: string) => commit.test(revision)

/**
 * Reads a reference to a model file.
 *
 * - `org/name`, `org/name@revision`, `org/name@revision:path/in/repo`, `org/name:path`, each with or without `hf:` (timm's `hf-hub:` and
 *   `hf_hub:` mean the same). Without a path the file is `model.safetensors`; without a revision it is `main`.
 * - an `http(s)` URL. The address of a file's page or download on huggingface.co, or on `endpoint`, becomes the hub reference it stands for,
 *   so that both spellings share one cached copy.
 *
 * @throws {RefError} when the text is neither, or when it would leave its folder in the cache (`..`).
 * @example
 * parseRef('timm/mambaout_femto.in1k@main:model.safetensors')
 * // { kind: 'hub', repo: 'timm/mambaout_femto.in1k', revision: 'main', file: 'model.safetensors' }
 */
export function parseRef(text: string, endpoint: string = defaultEndpoint): Ref {
  const trimmed = text.trim()
  if (/^https?:\/\//i.test(trimmed)) return parseUrl(trimmed, endpoint)
  const rest = trimmed.replace(prefix, '')
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(rest)
  if (scheme)
    throw new RefError(
      `"${text}": scheme ${scheme[0]} is not supported; use an https URL or a hub id such as "timm/mambaout_femto.in1k"`,
    )

  const parts = /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/s.exec(rest)
  const [, repo = '', revision, file] = parts ?? []
  const names = repo.split('/')
  if (names.length === 1 && segment.test(repo)) {
    throw new RefError(`"${text}" has no organisation; a hub id is "organisation/name", for example "timm/${repo}"`)
  }
  if (names.length !== 2 || !names.every((name) => segment.test(name) && !/--|\.\.|\.$/.test(name))) {
    throw new RefError(
      `"${text}" is not a hub id; expected "organisation/name", "organisation/name@revision:file" or an https URL`,
    )
  }
  return {
    kind: 'hub',
    repo,
    revision: insideFolder(revision ?? 'main', 'revision', text),
    file: insideFolder(file ?? defaultFile, 'file', text),
  }
}

/** The shortest text that {@link parseRef} reads back as the same reference. */
export function formatRef(ref: Ref): string {
  if (ref.kind === 'url') return ref.url
  return `${ref.repo}${ref.revision === 'main' ? '' : `@${ref.revision}`}${ref.file === defaultFile ? '' : `:${ref.file}`}`
}

/** The address that serves the file. A slash inside a revision is part of its name, so it is escaped. */
export function downloadUrl(ref: Ref, endpoint: string): string {
  if (ref.kind === 'url') return ref.url
  return `${endpoint}/${ref.repo}/resolve/${encodeURIComponent(ref.revision)}/${ref.file.split('/').map(encodeURIComponent).join('/')}`
}

function parseUrl(text: string, endpoint: string): Ref {
  if (!URL.canParse(text)) throw new RefError(`"${text}" is not a valid URL`)
  const url = new URL(text)
  if (url.username || url.password) {
    throw new RefError(
      `the URL for ${url.host} carries a user name or password; they would end up in logs and in the cache: remove them`,
    )
  }
  url.hash = ''
  for (const home of [endpoint, defaultEndpoint]) {
    const base = `${home.replace(/\/$/, '')}/`
    if (!url.href.startsWith(base)) continue
    const page = /^([^/]+\/[^/]+)\/(?:resolve|blob)\/([^/]+)\/(.+)$/.exec(url.pathname.slice(new URL(base).pathname.length))
    const [, repo, revision, file] = page?.map((part) => decode(part, text)) ?? []
    if (repo && revision && file) return parseRef(`${repo}@${revision}:${file}`)
  }
  const file = decode(url.pathname.slice(url.pathname.lastIndexOf('/') + 1), text)
  if (file === '') throw new RefError(`"${text}" names no file; the URL's path must end in a file name`)
  return { kind: 'url', url: url.href, file: insideFolder(file.replace(/[/\\:*?"<>|]/g, '_'), 'file', text) }
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new RefError(`"${text}" is not a valid URL: "${part}" has a broken % escape`)
  }
}

/** References become paths in the cache, so nothing in them may climb out of it or mean something else on another system. */
function insideFolder(path: string, what: string, text: string): string {
  const bad = path.split('/').find((name) => name === '' || name === '.' || name === '..')
  const odd = [...path].some((char) => char < ' ' || char === '\u007f' || '\\:*?"<>|'.includes(char))
  if (bad === undefined && !odd && path.length <= 512) return path
  throw new RefError(
    path === ''
      ? `"${text}": the ${what} is empty`
      : `"${text}": the ${what} "${path}" is not a relative path inside a repository`,
  )
}

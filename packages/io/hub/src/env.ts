import { defaultEndpoint } from './ref.js'

/** What the host says about where models live and how to get them, as plain data. */
export interface HostFacts {
  readonly endpoint: string
  readonly token: string | undefined
  /** A file that holds the token when no variable does; written by `hf auth login`. */
  readonly tokenFile: string
  readonly offline: boolean
  /** Folder of hub files, in Hugging Face's layout and by default shared with its Python tools. */
  readonly hubDir: string
  /** Folder of files from plain addresses. */
  readonly urlDir: string
}

/**
 * Reads the usual environment variables: `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`, `HF_HUB_CACHE`, `HF_HOME`,
 * `XDG_CACHE_HOME`, their older spellings, and `SCANLINE_CACHE`, which moves everything that Scanline stores.
 *
 * @param join joins path segments the way the host does.
 */
export function hostFacts(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
  join: (...parts: string[]) => string,
): HostFacts {
  const first = (...names: string[]) => names.map((name) => env[name]?.trim()).find(Boolean)
  const expand = (path: string | undefined) => (path?.startsWith('~') ? join(home, path.slice(1)) : path)

  const cacheHome = expand(first('XDG_CACHE_HOME')) ?? join(home, '.cache')
  const hfHome = expand(first('HF_HOME')) ?? join(cacheHome, 'huggingface')
  const own = expand(first('SCANLINE_CACHE'))
  return {
    endpoint: (first('HF_ENDPOINT') ?? defaultEndpoint).replace(/\/+$/, ''),
    token: first('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'),
    tokenFile: expand(first('HF_TOKEN_PATH')) ?? join(hfHome, 'token'),
    offline: ['1', 'ON', 'YES', 'TRUE'].includes((first('HF_HUB_OFFLINE') ?? '').toUpperCase()),
    hubDir: own ?? expand(first('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE')) ?? join(hfHome, 'hub'),
    urlDir: join(own ?? join(cacheHome, 'scanline'), 'urls'),
  }
}

import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type DiskFile, diskStore } from './cache.node.js'
import { unlessMissing } from './disk.node.js'
import { hostFacts } from './env.js'
import { clientFrom, type Hub, type HubOptions, hubFrom } from './hub.js'

export interface NodeHubOptions extends HubOptions {
  /**
   * Folder for everything that is downloaded. Default: `SCANLINE_CACHE`; without it hub files go where Hugging Face's tools keep theirs (`HF_HUB_CACHE`,
   * `HF_HOME`, ~/.cache/huggingface) and others to ~/.cache/scanline.
   */
  readonly cacheDir?: string
}

/**
 * A client for model files that keeps them on disk. Reads the environment once, here; touches neither disk nor network before it is used.
 *
 * @example
 * const hub = createHub()
 * const { path } = await hub.file('timm/mambaout_femto.in1k')
 */
export function createHub(options: NodeHubOptions = {}): Hub<DiskFile> {
  const env = options.cacheDir === undefined ? process.env : { ...process.env, SCANLINE_CACHE: resolve(options.cacheDir) }
  const facts = hostFacts(env, homedir(), join)
  const token = async () => facts.token ?? ((await unlessMissing(readFile(facts.tokenFile, 'utf8')))?.trim() || undefined)
  const { hubDir, urlDir } = facts
  return hubFrom({
    client: clientFrom(options, { endpoint: facts.endpoint, token, redirect: 'manual' }),
    store: diskStore(resolve(hubDir), resolve(urlDir)),
    offline: options.offline ?? facts.offline,
  })
}

export type { DiskFile } from './cache.node.js'
export { type HostFacts, hostFacts } from './env.js'
export * from './public.js'

import { browserStore } from './cache.browser.js'
import { clientFrom, type Hub, type HubOptions, hubFrom } from './hub.js'
import { defaultEndpoint } from './ref.js'

/**
 * A client for model files in a page or a web worker; Node, Bun and Deno get the one of `index.node.ts` through the `node` export condition.
 * Files are kept in Cache Storage.
 *
 * @example
 * const hub = createHub()
 * const weights = await (await hub.file('timm/mambaout_femto.in1k')).blob()
 */
export function createHub(options: HubOptions = {}): Hub {
  const client = clientFrom(options, { endpoint: defaultEndpoint, token: async () => undefined, redirect: 'follow' })
  return hubFrom({ client, store: browserStore(client.endpoint, 'scanline-hub'), offline: options.offline ?? false })
}

export * from './public.js'

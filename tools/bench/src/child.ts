import type { Answer, Request } from './child-session.js'
import { localSession } from './session.js'

/** The process that one subject has to itself. */
const session = localSession()

process.on('message', async ({ method, args }: Request) => {
  try {
    const value = await (session[method] as (...args: unknown[]) => Promise<unknown>)(...args)
    process.send?.({ value } satisfies Answer)
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) } satisfies Answer)
  }
})
// The parent ends the run; Ctrl-C in a terminal reaches the children as well.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())

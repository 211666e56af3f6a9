#!/usr/bin/env node
import { childSession } from './child-session.js'
import { main } from './main.js'

const interruption = new AbortController()
// The second one ends at once.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.abort())

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  progress: (text) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  },
  newSession: childSession,
  signal: interruption.signal,
})

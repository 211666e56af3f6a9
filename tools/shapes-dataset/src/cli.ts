#!/usr/bin/env node
import { SingleBar } from 'cli-progress'
import { main } from './main.js'

const interruption = new AbortController()
// The second one ends at once.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.abort(new Error('interrupted')))

let bar: SingleBar | undefined
const progress = {
  update(done: number, total: number) {
    if (!bar) {
      bar = new SingleBar({
        format: '{bar}  {value} of {total} pictures  {eta_formatted}',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
      })
      bar.start(total, done)
    }
    bar.update(done)
  },
  clear() {
    bar?.stop()
    bar = undefined
  },
}

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  ...(process.stderr.isTTY && { progress }),
  signal: interruption.signal,
})

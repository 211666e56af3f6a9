import { MessageChannel, Worker } from 'node:worker_threads'
import type { Job, Outcome, Start } from './job.js'
import { serve } from './serve.node.js'

/** Something that serves jobs. */
export interface Thread {
  readonly id: number
  post(job: Job): void
  /** Whether it keeps the process alive. */
  keepAlive(on: boolean): void
  close(): Promise<unknown>
}

export interface ThreadEvents {
  outcome(outcome: Outcome): void
  /** It ended although nobody closed it. */
  died(reason: string): void
}

/** Starts a thread of its own. */
export function startThread(start: Start, events: ThreadEvents): Thread {
  // Without the flags of the process: some, such as --input-type, are refused in a thread.
  const options = { workerData: start, name: 'scanline images', execArgv: [] }
  const worker = new Worker(new URL('./worker.node.js', import.meta.url), options)
  let reason: string | undefined
  let closing = false
  worker.on('message', events.outcome)
  worker.on('error', (error) => {
    reason = error.message
  })
  worker.on('exit', (code) => {
    if (!closing) events.died(reason ?? `it ended with code ${code}`)
  })
  worker.unref()
  return {
    id: start.thread,
    post: (job) => worker.postMessage(job),
    keepAlive: (on) => (on ? worker.ref() : worker.unref()),
    close: () => {
      closing = true
      return worker.terminate()
    },
  }
}

/** Serves on the thread that asks, between its other events. */
export function serveHere(start: Start, events: ThreadEvents): Thread {
  const { port1, port2 } = new MessageChannel()
  serve(port1, start)
  port2.on('message', events.outcome)
  const keepAlive = (on: boolean): void => {
    for (const port of [port1, port2]) on ? port.ref() : port.unref()
  }
  keepAlive(false)
  return {
    id: start.thread,
    post: (job) => port2.postMessage(job),
    keepAlive,
    close: async () => port2.close(),
  }
}

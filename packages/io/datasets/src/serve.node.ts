import { readFileSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ImageError } from '@scanline/image'
import { claim, type Item, type Job, type Outcome, type Start } from './job.js'
import { preparer } from './transform.js'

/**
 * What a thread does: takes items of the jobs that arrive, in order, until none is left. The main thread need not answer
 * in between, so that it may compute for seconds.
 */
export function serve(port: Pick<MessagePort, 'on' | 'postMessage'>, start: Start): void {
  const { thread, size } = start
  const prepare = preparer(start.prepare)
  const outputs = start.buffers.map((b) => (start.prepare.dtype === 'u8' ? new Uint8Array(b) : new Float32Array(b)))
  const states = start.states.map((b) => new Int32Array(b))
  const jobs: Job[] = []
  let busy = false

  const work = async ({ buffer, epoch }: Job, { at, path, place, ticket }: Item): Promise<void> => {
    const report = (result: Outcome['result'], message?: string) =>
      port.postMessage({ buffer, at, ticket, result, ...(message !== undefined && { message }) } satisfies Outcome)
    try {
      await prepare(readFileSync(path), epoch, place, outputs[buffer]!, at * size)
      report('done')
    } catch (error) {
      const { message } = error as Error
      report(isDamage(error) ? 'damaged' : 'failed', message)
    }
  }
  const drain = async (): Promise<void> => {
    if (busy) return
    busy = true
    for (let job = jobs.shift(); job; job = jobs.shift())
      for (const item of job.items) if (claim(states[job.buffer]!, item.at, item.ticket, thread)) await work(job, item)
    busy = false
  }
  port.on('message', (job: Job) => {
    jobs.push(job)
    void drain()
  })
}

/** Of the file: it cannot be read or decoded. A wrong argument is nobody's damage. */
const isDamage = (error: unknown): boolean =>
  error instanceof ImageError ? error.code !== 'argument' : error instanceof Error && 'syscall' in error

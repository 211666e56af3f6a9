import { Worker } from 'node:worker_threads'
import { ShapesError } from './errors.js'
import { makePart } from './part.js'
import type { DatasetOptions } from './plan.js'

export interface MakeOptions {
  /** 0 makes everything on the calling thread. */
  readonly workers: number
  readonly done: (part: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Makes parts in threads, one each at a time. Throws what the first of them throws, or the reason of the signal. */
export async function makeParts(
  folder: string,
  options: DatasetOptions,
  parts: readonly number[],
  { workers, done, signal }: MakeOptions,
): Promise<void> {
  if (workers === 0) {
    for (const part of parts) {
      signal?.throwIfAborted()
      makePart(folder, options, part)
      done(part)
    }
    return
  }
  const queue = [...parts]
  const threads = Array.from({ length: Math.min(workers, parts.length) }, () => {
    const url = new URL('./worker.js', import.meta.url)
    return new Worker(url, { workerData: { folder, options }, execArgv: [] })
  })
  const served = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      const next = () => {
        const part = queue.shift()
        if (part === undefined) resolve()
        else worker.postMessage(part)
      }
      worker.on('message', (part: number) => {
        done(part)
        next()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => reject(new ShapesError(`a thread ended with code ${code}; start again to go on`)))
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      next()
    })
  try {
    signal?.throwIfAborted()
    await Promise.all(threads.map(served))
  } finally {
    await Promise.all(threads.map((worker) => worker.terminate()))
  }
}

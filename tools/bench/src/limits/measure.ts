import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { multiplyAddLoop, takesFused, triadBytes, triadIterations, triadLoop } from './loops.js'

/** What this engine can do at most on this machine with so many threads at once. */
export interface Limits {
  readonly threads: number
  /** 10⁹ multiplications and additions of f32 a second, in registers, at 128 bits: the best of several loops. */
  readonly gflops: number
  /** Whether the fastest loop used the fused instruction. */
  readonly fused: boolean
  /** 10⁹ bytes a second read and written by STREAM's triad over arrays that no cache holds. */
  readonly gbytes: number
}

interface Job {
  readonly bytes: Uint8Array
  readonly calls: number
  readonly args: readonly number[]
  readonly rounds: number
}

/** Every thread is ready, then all start together; the slowest decides. Repeated, the best round counts. */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads')
const { state } = workerData
parentPort.on('message', async ({ bytes, calls, args, rounds }) => {
  const { instance } = await WebAssembly.instantiate(bytes)
  const { block } = instance.exports
  const run = () => { for (let i = 0; i < calls; i++) block(...args) }
  run()
  await new Promise((resolve) => setTimeout(resolve, 5))
  run()
  const spans = []
  for (let round = 0; round < rounds; round++) {
    const target = (round + 1) * state[1]
    Atomics.add(state, 0, 1)
    while (Atomics.load(state, 0) < target) {}
    const start = performance.timeOrigin + performance.now()
    run()
    spans.push([start, performance.timeOrigin + performance.now()])
  }
  parentPort.postMessage(spans)
})`

class Team {
  readonly #workers: readonly Worker[]
  readonly #state: Int32Array

  constructor(threads: number) {
    this.#state = new Int32Array(new SharedArrayBuffer(8))
    this.#state[1] = threads
    this.#workers = Array.from(
      { length: threads },
      () => new Worker(workerSource, { eval: true, execArgv: [], workerData: { state: this.#state } }),
    )
  }

  /** Milliseconds of the fastest round, from the first start to the last end. */
  async time(job: Job): Promise<number> {
    this.#state[0] = 0
    const answers = this.#workers.map(
      (worker) =>
        new Promise<[number, number][]>((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    )
    for (const worker of this.#workers) worker.postMessage(job)
    const spans = await Promise.all(answers)
    const rounds = spans[0].map((_, r) => Math.max(...spans.map((of) => of[r][1])) - Math.min(...spans.map((of) => of[r][0])))
    return Math.min(...rounds)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }
}

/** Asks Node 20, where relaxed SIMD waits behind a flag, to turn it on. */
export function enableFused(): boolean {
  if (!takesFused()) setFlagsFromString('--experimental-wasm-relaxed-simd')
  return takesFused()
}

/**
 * Measures both limits; half a second for each number of threads.
 *
 * @example
 * const { gflops, gbytes } = await measureLimits(2)
 */
export async function measureLimits(threads: number): Promise<Limits> {
  const forms = enableFused() ? [false, true] : [false]
  const team = new Team(threads)
  try {
    let best = { gflops: 0, fused: false }
    const [calls, iterations] = [400, 1000]
    for (const fused of forms) {
      for (const chains of [8, 10, 12]) {
        const ms = await team.time({ bytes: multiplyAddLoop(chains, fused), calls, args: [iterations], rounds: 6 })
        const gflops = (threads * 8 * chains * calls * iterations) / ms / 1e6
        if (gflops > best.gflops) best = { gflops, fused }
      }
    }
    const ms = await team.time({ bytes: triadLoop(), calls: 1, args: [triadIterations, 0], rounds: 8 })
    return { threads, ...best, gbytes: (threads * triadBytes) / ms / 1e6 }
  } finally {
    await team.stop()
  }
}

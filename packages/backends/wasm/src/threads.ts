import { DeviceLostError } from '@scanline/tensor'
import { control } from './control.js'
import { type WasmMemory, type WasmModule, WebAssembly } from './engine.js'
import type { Host, HostWorker } from './host.js'
import { workerSource } from './worker.js'

/** Milliseconds that the main thread waits for the others at a barrier before it gives the device up. */
const patience = 60_000

type Run = (thread: number, table: number) => void

/** A compiled program on all threads. */
export interface LoadedProgram {
  readonly id: number
  readonly run: Run
  readonly threaded: boolean
}

/** The threads of one backend: the caller's, which takes part as thread 0, and workers. */
export class Threads {
  readonly lost: Promise<Error>
  #reportLost: (error: Error) => void = () => {}
  #error: Error | undefined
  readonly #host: Host
  readonly #memory: WasmMemory
  readonly #words: Int32Array
  readonly #workers: HostWorker[] = []
  #programs = 0
  #waitingSince = 0

  constructor(memory: WasmMemory, host: Host) {
    this.#memory = memory
    this.#host = host
    this.#words = new Int32Array(memory.buffer, 0, 1024)
    this.lost = new Promise((resolve) => {
      this.#reportLost = resolve
    })
  }

  /** Threads that take part in a job. */
  get count(): number {
    return this.#workers.length + 1
  }

  /** Starts `count` workers. False, and none of them left, when one cannot be started here. */
  async start(count: number): Promise<boolean> {
    const started = Array.from({ length: count }, (_, i) => this.#startWorker(i + 1))
    const ready = await Promise.all(started)
    if (ready.every((ok) => ok)) return true
    this.stop()
    return false
  }

  /** Ends the workers. */
  stop(): void {
    for (const worker of this.#workers.splice(0)) worker.terminate()
  }

  /** Makes a compiled module known to every thread. */
  load(module: WasmModule, threaded: boolean): LoadedProgram {
    this.check()
    const id = this.#programs++
    if (threaded) this.#mail({ id, module })
    const host = { pause: (phase: number) => this.#pause(phase) }
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory: this.#memory },
      host,
      Math: Math as unknown as Record<string, () => number>,
    })
    return { id, run: exports.run as unknown as Run, threaded }
  }

  unload(program: LoadedProgram): void {
    if (program.threaded && this.#error === undefined) this.#mail({ id: program.id })
  }

  /** Runs a program on all threads; returns when every step is done. Throws `DeviceLostError`. */
  run(program: LoadedProgram, table: number): void {
    this.check()
    if (program.threaded) {
      const words = this.#words
      Atomics.store(words, control.program / 4, program.id)
      Atomics.store(words, control.table / 4, table)
      Atomics.add(words, control.job / 4, 1)
      this.#wake()
      this.#waitingSince = 0
    }
    try {
      program.run(0, table)
    } catch (error) {
      throw this.#lose(
        error instanceof DeviceLostError
          ? error
          : new DeviceLostError(`a kernel failed: ${error instanceof Error ? error.message : error}`),
      )
    }
  }

  /** Throws `DeviceLostError` if a thread has died. */
  check(): void {
    if (this.#error) throw this.#error
  }

  #startWorker(index: number): Promise<boolean> {
    return new Promise((resolve) => {
      let ready = false
      let worker: HostWorker
      try {
        worker = this.#host.spawn(workerSource)
      } catch {
        // A content security policy may forbid workers from a blob.
        return resolve(false)
      }
      this.#workers.push(worker)
      worker.onMessage(() => {
        ready = true
        worker.hold(false)
        resolve(true)
      })
      worker.onEnd((reason) => {
        if (ready) this.#lose(new DeviceLostError(`worker thread ${index} died: ${reason}. Make a new backend`))
        else resolve(false)
      })
      worker.post({ memory: this.#memory, index })
    })
  }

  #mail(message: { id: number; module?: WasmModule }): void {
    for (const worker of this.#workers) worker.post(message)
    Atomics.add(this.#words, control.mail / 4, 1)
    this.#wake()
  }

  #wake(): void {
    Atomics.add(this.#words, control.wake / 4, 1)
    if (Atomics.load(this.#words, control.sleepers / 4) > 0) Atomics.notify(this.#words, control.wake / 4)
  }

  /** Called by the main thread when others are late at a barrier. */
  #pause(phase: number): void {
    if (this.#host.mayBlock) {
      Atomics.add(this.#words, control.napping / 4, 1)
      Atomics.wait(this.#words, control.phase / 4, phase, 10)
      Atomics.sub(this.#words, control.napping / 4, 1)
    }
    if (Atomics.load(this.#words, control.lost / 4) !== 0)
      throw new DeviceLostError('a worker thread failed in a kernel. Make a new backend')
    this.#waitingSince ||= Date.now()
    if (Date.now() - this.#waitingSince > patience)
      throw new DeviceLostError(`a worker thread did not answer for ${patience / 1000} s. Make a new backend`)
  }

  #lose(error: Error): Error {
    if (this.#error) return this.#error
    this.#error = error
    // Without workers the memory is not shared, and growth has detached the words.
    if (this.#workers.length > 0) Atomics.store(this.#words, control.lost / 4, 1)
    this.stop()
    this.#reportLost(error)
    return error
  }
}

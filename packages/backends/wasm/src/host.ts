import { f32x4, ModuleBuilder } from './assembler/index.js'
import { WebAssembly } from './engine.js'

/** A worker thread, in Node or in a browser. */
export interface HostWorker {
  post(message: unknown): void
  onMessage(listener: (message: unknown) => void): void
  /** Called at most once, when the thread has ended or failed, unless `terminate` ended it. */
  onEnd(listener: (reason: string) => void): void
  /** Whether the thread keeps the process alive. */
  hold(alive: boolean): void
  terminate(): void
}

/** What the place we run in offers. */
export interface Host {
  /** Threads that can run at once. */
  readonly parallelism: number
  /** Whether memory can be shared with workers. */
  readonly threads: boolean
  /** Whether the main thread may sleep in `Atomics.wait`. */
  readonly mayBlock: boolean
  spawn(source: string): HostWorker
}

interface NodeWorker {
  on(event: 'message' | 'error' | 'exit', listener: (value: unknown) => void): void
  postMessage(message: unknown): void
  ref(): void
  unref(): void
  terminate(): Promise<number>
}

interface NodeModules {
  'node:worker_threads': { Worker: new (source: string, options: object) => NodeWorker }
  'node:os': { availableParallelism(): number }
  'node:v8': { setFlagsFromString(flags: string): void }
}

interface WebWorker {
  onmessage: ((event: { data: unknown }) => void) | null
  onerror: ((event: { message?: string }) => void) | null
  postMessage(message: unknown): void
  terminate(): void
}

interface Globals {
  process?: { getBuiltinModule?<K extends keyof NodeModules>(name: K): NodeModules[K] | undefined }
  navigator?: { hardwareConcurrency?: number }
  Worker?: new (url: string) => WebWorker
  Blob?: new (parts: string[], options: { type: string }) => object
  URL?: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void }
  SharedArrayBuffer?: unknown
  crossOriginIsolated?: boolean
}

const globals = globalThis as unknown as Globals

/**
 * Node's own modules, without an import that a bundler for browsers would trip over (`process.getBuiltinModule`, Node
 * 20.16 and newer, Bun, Deno).
 */
const builtin = <K extends keyof NodeModules>(name: K): NodeModules[K] | undefined => globals.process?.getBuiltinModule?.(name)

export function findHost(): Host {
  const workerThreads = builtin('node:worker_threads')
  if (workerThreads) {
    return {
      parallelism: builtin('node:os')?.availableParallelism() ?? 1,
      threads: true,
      mayBlock: true,
      spawn: (source) => spawnNode(workerThreads.Worker, source),
    }
  }
  const { Worker, Blob, URL } = globals
  const shareable = globals.SharedArrayBuffer !== undefined && globals.crossOriginIsolated !== false
  return {
    parallelism: globals.navigator?.hardwareConcurrency ?? 1,
    threads: shareable && Worker !== undefined && Blob !== undefined && URL !== undefined,
    mayBlock: false,
    spawn: (source) => spawnWeb(Worker!, Blob!, URL!, source),
  }
}

function spawnNode(Worker: NodeModules['node:worker_threads']['Worker'], source: string): HostWorker {
  // Without execArgv: a loader given to the main thread is of no use to a worker without imports, and slow to start.
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
const send = (message) => parentPort.postMessage(message)
const receive = (listener) => parentPort.on('message', listener)
${source}`,
    { eval: true, execArgv: [] },
  )
  let terminated = false
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
    onEnd: (listener) => {
      let reason: string | undefined
      worker.on('error', (error) => {
        reason = error instanceof Error ? error.message : String(error)
      })
      worker.on('exit', (code) => {
        if (!terminated) listener(reason ?? `it ended with exit code ${code}`)
      })
    },
    hold: (alive) => (alive ? worker.ref() : worker.unref()),
    terminate: () => {
      terminated = true
      void worker.terminate()
    },
  }
}

function spawnWeb(
  Worker: NonNullable<Globals['Worker']>,
  Blob: NonNullable<Globals['Blob']>,
  URL: NonNullable<Globals['URL']>,
  source: string,
): HostWorker {
  const prelude =
    'const send = (message) => postMessage(message)\nconst receive = (listener) => { onmessage = (event) => listener(event.data) }\n'
  const url = URL.createObjectURL(new Blob([prelude, source], { type: 'text/javascript' }))
  const worker = new Worker(url)
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) => {
      worker.onmessage = (event) => {
        // Once the worker speaks it has read its source.
        URL.revokeObjectURL(url)
        listener(event.data)
      }
    },
    onEnd: (listener) => {
      worker.onerror = (event) => listener(event.message ?? 'it could not be started')
    },
    hold: () => {},
    terminate: () => worker.terminate(),
  }
}

/** Whether the engine takes relaxed SIMD, after asking Node 20 (where it waits behind a flag) to turn it on. */
export function enableRelaxedSimd(): boolean {
  if (WebAssembly.validate(relaxedProbe())) return true
  builtin('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd')
  return WebAssembly.validate(relaxedProbe())
}

function relaxedProbe(): Uint8Array {
  const module = new ModuleBuilder({ initial: 1, maximum: 1, shared: false })
  module.function('probe', ['v128'], 'v128', (f) => {
    const [x] = f.args
    if (x.type === 'v128') f.return(f32x4.relaxed_madd(x as never, x as never, x as never))
    f.unreachable()
  })
  return module.bytes()
}

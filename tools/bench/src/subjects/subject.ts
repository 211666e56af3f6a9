import type { Case, Runner } from '../cases.js'

/** What is known about a subject once it is ready to be timed. Times in milliseconds. */
export interface Facts {
  /** From the model or function to something that can be run: tracing, packing, planning, code. */
  readonly compileMs: number
  /** Opening the device, compiling and one run, the runner's own start-up included; making weights is not. */
  readonly firstResultMs: number
  /** Floating-point operations of one run, everything counted. */
  readonly flops?: number
  /** Of them two for each multiply-add of products and convolutions. */
  readonly multiplyAdds?: number
  /** Bytes that the steps of one run read and write, each tensor once a step. */
  readonly bytes?: number
  readonly steps?: number
  /** Of a peer. */
  readonly version?: string
  /** Threads that it really uses, where that may differ from what was asked for. */
  readonly threads?: number
}

/** Bytes. */
export interface MemoryFacts {
  /** The most that the process had resident. */
  readonly peakRss: number
  /** Taken from the system by the device. */
  readonly reserved?: number
  /** Planned for values between steps. */
  readonly working?: number
  /** Weights as the kernels want them. */
  readonly constants?: number
}

/** Something that can be timed: one case, made ready by one runner. */
export interface Subject {
  readonly facts: Facts
  /** Runs of the case in one call of `run`: more than one where a single run is too short to be timed. */
  readonly repeats: number
  run(): Promise<void>
  /** The result of a run, in Scanline's layout. */
  output(): Promise<Float32Array>
  memory(): MemoryFacts
  close(): Promise<void>
}

export type OpenSubject = (what: Case, runner: Runner) => Promise<Subject>

/** Peak resident memory of this process. */
export const peakRss = (): number => process.resourceUsage().maxRSS * 1024

/** How many runs fill `targetMs`, by the fastest of a few. */
export async function repeatsFor(run: () => Promise<void> | void, targetMs: number): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const start = performance.now()
    await run()
    fastest = Math.min(fastest, performance.now() - start)
  }
  return Math.max(1, Math.min(1000, Math.round(targetMs / fastest)))
}

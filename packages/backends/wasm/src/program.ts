import type { Launch } from '@scanline/tensor'
import {
  call,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type MemoryLimits,
  ModuleBuilder,
  minU,
  type Value,
} from './assembler/index.js'
import type { ConstantPool } from './constant-pool.js'
import { control } from './control.js'
import { type Kernel, KernelBuilder, type Split, shares } from './kernel.js'

/** Where an argument's address comes from: fixed, or the program's pointer table (an entry, and bytes past it). */
export type Place = { readonly address: number } | { readonly entry: number; readonly offset: number }

export interface PlacedStep {
  readonly launch: Launch
  readonly args: readonly Place[]
}

export interface ProgramOptions {
  readonly memory: MemoryLimits
  readonly threads: number
  readonly relaxedSimd: boolean
  readonly constants: ConstantPool
  readonly kernel: (name: string) => Kernel
}

export interface ProgramBytes {
  readonly bytes: Uint8Array
  /** False when no step is worth more than one thread: then the main thread runs it alone. */
  readonly threaded: boolean
}

/**
 * Rounds of spinning at a barrier, a few tenths of a millisecond, before the thread is sent to `host.pause`. To fall
 * asleep while another runs a short step alone would cost more than that step.
 */
const spins = 200_000

/**
 * One module for a list of steps. Each distinct launch becomes a function; `run(thread, table)` calls them in order, each
 * thread for its share, with a barrier wherever a step may need what another thread wrote.
 */
export function programBytes(steps: readonly PlacedStep[], options: ProgramOptions): ProgramBytes {
  const module = new ModuleBuilder(options.memory)
  const functions = new Map<string, FunctionRef>()
  const functionOf = ({ kernel, params }: Launch, args: number) => {
    const key = launchKey(kernel, params)
    const known = functions.get(key)
    if (known) return known
    const builder = new KernelBuilder(module, `${kernel}_${functions.size}`, options.relaxedSimd, options.constants)
    const made = options.kernel(kernel).emit(builder, params as Split)
    if (made.params.length !== args + 3)
      throw new TypeError(`kernel ${kernel} takes ${made.params.length - 3} pointers, the launch binds ${args}`)
    functions.set(key, made)
    return made
  }
  const planned = steps.map(({ launch, args }) => ({
    f: functionOf(launch, args.length),
    args,
    params: launch.params as Split,
    ...shares(launch.params as Split, options.threads),
  }))
  const threaded = planned.some((step) => step.threads > 1)
  const barrier = threaded ? defineBarrier(module, options.threads) : undefined

  const run = module.function('run', ['i32', 'i32'], undefined, (f) => {
    const [thread, table] = f.args as readonly Value<'i32'>[]
    let alone = true
    for (const step of planned) {
      const single = step.threads <= 1
      // Steps that only thread 0 runs follow each other without waiting.
      if (barrier && !(alone && single)) f.do(call(barrier, thread))
      alone = single
      runShare(f, step, thread, table)
    }
    if (barrier) f.do(call(barrier, thread))
  })
  module.export(run)
  return { bytes: module.bytes(), threaded }
}

function runShare(
  f: FunctionBuilder,
  step: { f: FunctionRef; args: readonly Place[]; params: Split; share: number; threads: number },
  thread: Value<'i32'>,
  table: Value<'i32'>,
): void {
  const { range, chunk } = step.params
  if (range === 0) return
  const pointers = step.args.map((place) =>
    'address' in place ? i32.const(place.address) : i32.add(i32.load(table, 4 * place.entry), place.offset),
  )
  const calls = () => {
    const begin = f.let(i32.mul(thread, step.share))
    const end = f.let(minU(i32.add(begin, step.share), range))
    f.for(begin, end, chunk, (from) => f.do(call(step.f, ...pointers, from, minU(i32.add(from, chunk), end), thread)))
  }
  f.if(i32.lt_u(thread, step.threads), calls)
}

/** `barrier(thread)`: returns once every thread has called it. */
function defineBarrier(module: ModuleBuilder, threads: number): FunctionRef {
  const pause = module.import('host', 'pause', ['i32'])
  return module.function('barrier', ['i32'], undefined, (f) => {
    const phase = f.let(i32.atomic.load(control.phase))
    f.if(
      i32.eq(i32.atomic.add(control.arrived, 1), threads - 1),
      () => {
        f.store.atomic(control.arrived, 0)
        f.store.atomic(control.phase, i32.add(phase, 1))
        f.if(i32.atomic.load(control.napping), () => f.do(i32.atomic.notify(control.phase, threads)))
      },
      () => {
        const spin = f.local('i32')
        f.loop((again) => {
          f.if(i32.eq(i32.atomic.load(control.phase), phase), () => {
            f.set(spin, i32.add(spin, 1))
            f.if(i32.gt_u(spin, spins), () => f.do(call(pause, phase)))
            f.branch(again)
          })
        })
      },
    )
  })
}

/** Equal for equal launches. JSON alone would write NaN, ∞ and -0 as other values. */
export function launchKey(kernel: string, params: unknown): string {
  const exact = (_: string, x: unknown) =>
    typeof x === 'number' && (!Number.isFinite(x) || Object.is(x, -0)) ? `number:${Object.is(x, -0) ? '-0' : x}` : x
  return `${kernel} ${JSON.stringify(params, exact)}`
}

import { compile } from '@scanline/compile'
import type { Binding, ProgramSpec, Recording, Ref } from '@scanline/tensor'
import type { Case, Runner } from './cases.js'
import { programCost, type StepCost, stepCost } from './cost.js'
import { openDevice } from './devices.js'
import { BenchError } from './errors.js'
import { buildModel } from './models.js'
import { median } from './statistics.js'
import { modelInput } from './subjects/model.js'
import { WatchedBackend } from './watched-backend.js'

export interface ProfiledStep extends StepCost {
  readonly index: number
  readonly kernel: string
  /** Median milliseconds. */
  readonly ms: number
}

/**
 * Where the time of a compiled model goes. Every step is recorded as a program of its own over the same working memory,
 * and all are run in order, each timed: a step finds the caches as it does in the whole program, and pays for one call
 * from JavaScript (and, with several threads, for starting and joining them) on top.
 */
export interface Profile {
  /** Median milliseconds of the program run as one. */
  readonly wholeMs: number
  /** Median milliseconds of all steps one by one: what the timing itself adds is the difference. */
  readonly stepsMs: number
  readonly multiplyAdds: number
  readonly bytes: number
  readonly passes: number
  readonly steps: readonly ProfiledStep[]
}

/** How long to time: until both are reached, after half as long to warm up. */
export interface ProfileLength {
  readonly passes: number
  readonly ms: number
}

export async function profileModel(what: Case, { device: name, threads }: Runner, length: ProfileLength): Promise<Profile> {
  if (what.kind !== 'model') throw new BenchError('--profile needs a model; a kernel is a single step')
  const device = new WatchedBackend(await openDevice(name, threads))
  const model = await buildModel(what, device)
  const input = modelInput(what)
  const program = await compile((x) => model.forward(x), [{ shape: input.shape, dtype: 'f32' }], { device })
  const spec = device.program
  if (!spec) throw new BenchError('the program was compiled without being recorded')
  const cost = programCost(device)
  const costs = spec.steps.map((step) => stepCost(step, device))
  const buffers = (sizes: readonly number[]): Binding[] => sizes.map((n) => ({ buffer: device.alloc(n), offset: 0 }))
  const [inputs, outputs, slots] = [buffers(spec.inputs), buffers(spec.outputs), buffers(spec.slots)]
  device.write(inputs[0].buffer, 0, new Uint8Array(input.values.buffer))

  const whole = await device.record(spec)
  const single: Recording[] = []
  for (const step of spec.steps) single.push(await device.record(onlyStep(spec, step)))
  const times = single.map((): number[] => [])
  const wholes: number[] = []
  const time = async (run: () => void): Promise<number> => {
    const start = performance.now()
    run()
    await device.done()
    return performance.now() - start
  }
  const pass = async (): Promise<void> => {
    wholes.push(await time(() => whole.run(inputs, outputs)))
    for (const [i, recording] of single.entries()) times[i].push(await time(() => recording.run([...inputs, ...slots], outputs)))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const forAtLeast = async (passes: number, ms: number): Promise<void> => {
    const start = performance.now()
    for (let n = 0; n < passes || performance.now() - start < ms; n++) await pass()
  }
  await forAtLeast(length.passes / 2, length.ms / 2)
  for (const list of [wholes, ...times]) list.length = 0
  await forAtLeast(length.passes, length.ms)
  const steps = costs.map((c, index) => ({ ...c, index, kernel: spec.steps[index].launch.kernel, ms: median(times[index]) }))
  program.dispose()
  device.dispose()
  return {
    wholeMs: median(wholes),
    stepsMs: steps.reduce((n, step) => n + step.ms, 0),
    multiplyAdds: cost.multiplyAdds,
    bytes: cost.bytes,
    passes: wholes.length,
    steps: steps.sort((a, b) => b.ms - a.ms),
  }
}

/** A program of one step whose working memory is bound from outside, so that all such programs share it. */
function onlyStep(spec: ProgramSpec, step: ProgramSpec['steps'][number]): ProgramSpec {
  const shared = (ref: Ref): Ref => (ref.from === 'slot' ? { ...ref, from: 'input', index: spec.inputs.length + ref.index } : ref)
  return { ...spec, inputs: [...spec.inputs, ...spec.slots], slots: [], steps: [{ ...step, args: step.args.map(shared) }] }
}

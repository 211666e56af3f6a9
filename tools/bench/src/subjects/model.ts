import { compile } from '@scanline/compile'
import { tensor } from '@scanline/tensor'
import type { ModelCase, Runner } from '../cases.js'
import { programCost } from '../cost.js'
import { openDevice } from '../devices.js'
import { someNumbers } from '../kernels.js'
import { buildModel } from '../models.js'
import { WatchedBackend } from '../watched-backend.js'
import { peakRss, type Subject } from './subject.js'

/** The image batch that models are fed: the same numbers everywhere. */
export const modelInput = ({ size, batch }: ModelCase) => someNumbers([batch, size, size, 3], 1)

/** A model compiled on a device. A run goes from numbers in JavaScript to logits in JavaScript, as a peer's does. */
export async function openModel(what: ModelCase, { device: name, threads }: Runner): Promise<Subject> {
  const start = performance.now()
  const device = new WatchedBackend(await openDevice(name, threads))
  const opened = performance.now()
  const model = await buildModel(what, device)
  const input = modelInput(what)
  const built = performance.now()
  const program = await compile((x) => model.forward(x), [{ shape: input.shape, dtype: 'f32' }], { device })
  const compileMs = performance.now() - built
  model.dispose()
  const infer = async (): Promise<Float32Array> => {
    using x = tensor(input.values, { shape: input.shape, device })
    using y = program.run(x)
    return (await y.data()) as Float32Array
  }
  const first = performance.now()
  const result = await infer()
  const firstResultMs = opened - start + compileMs + performance.now() - first
  return {
    facts: { compileMs, firstResultMs, ...programCost(device), steps: program.steps, threads: device.capabilities.threads },
    repeats: 1,
    run: async () => {
      await infer()
    },
    // Not run again: at large sizes a run takes a minute.
    output: async () => result,
    memory: () => ({
      peakRss: peakRss(),
      reserved: device.memory().reserved,
      working: program.workingBytes,
      constants: program.constantBytes,
    }),
    close: async () => {
      program.dispose()
      device.dispose()
    },
  }
}

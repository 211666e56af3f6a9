import { compile } from '@scanline/compile'
import { tensor } from '@scanline/tensor'
import type { KernelCase, Runner } from '../cases.js'
import { programCost } from '../cost.js'
import { openDevice } from '../devices.js'
import { kernelData, kernelFunction } from '../kernels.js'
import { WatchedBackend } from '../watched-backend.js'
import { peakRss, repeatsFor, type Subject } from './subject.js'

/** Milliseconds that one timed call should take at least. */
const targetMs = 2

/** A kernel compiled with its weights packed. A run reads its input on the device and leaves the result there. */
export async function openKernel({ shape }: KernelCase, { device: name, threads }: Runner): Promise<Subject> {
  const start = performance.now()
  const device = new WatchedBackend(await openDevice(name, threads))
  const f = kernelFunction(shape, device)
  const [input] = kernelData(shape)
  const x = tensor(input.values, { shape: input.shape, device })
  const opened = performance.now()
  const program = await compile(f, [{ shape: input.shape, dtype: 'f32' }], { device })
  const compileMs = performance.now() - opened
  const once = (): void => program.run(x).dispose()
  once()
  await device.done()
  const firstResultMs = performance.now() - start
  const repeats = await repeatsFor(once, targetMs)
  return {
    facts: { compileMs, firstResultMs, ...programCost(device), steps: program.steps, threads: device.capabilities.threads },
    repeats,
    run: async () => {
      for (let i = 0; i < repeats; i++) once()
      await device.done()
    },
    output: async () => {
      using y = program.run(x)
      return (await y.data()) as Float32Array
    },
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

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { onnxBytes } from '@scanline/onnx'
import type { InferenceSession, Tensor } from 'onnxruntime-common'
import type { KernelCase, ModelCase, Runner } from '../cases.js'
import { kernelData } from '../kernels.js'
import { channelsFirst, channelsLast, onnxKernel } from '../onnx/kernel.js'
import { modelInput } from '../subjects/model.js'
import { peakRss, type Subject } from '../subjects/subject.js'
import type { Peer } from './peer.js'

/** One of the builds of ONNX Runtime. */
export interface Runtime {
  readonly name: string
  /** How it runs: `WASM execution provider in Node`. */
  readonly about: string
  readonly device: string
  /** Loads the build. */
  load(threads: number): Promise<LoadedRuntime>
}

export interface LoadedRuntime {
  readonly version: string
  readonly Tensor: typeof Tensor
  /** A session for a file, or for the bytes of one. */
  create(model: string | Uint8Array, optimisation: 'all' | 'disabled'): Promise<InferenceSession>
}

/** Copies of a kernel in one graph. */
const kernelCopies = 8

/** A build of ONNX Runtime beside Scanline: the same weights in standard operators, images in the [N, C, H, W] that it wants. */
export const onnxruntime = (runtime: Runtime): Peer => ({
  name: runtime.name,
  device: runtime.device,
  about: `${runtime.about}, f32, all graph optimisations; models and kernels in [N, C, H, W], ${kernelCopies} copies of a kernel a run`,
  refuses: () => undefined,
  prepare: async (what, folder) => {
    // Both builds read the same file.
    if (what.kind === 'model' && !existsSync(modelFile(what, folder)))
      await (await import('../onnx/model.js')).saveModel(what, modelFile(what, folder))
  },
  open: (what, runner, folder) =>
    what.kind === 'model' ? openModel(runtime, what, runner, folder) : openKernel(runtime, what, runner),
})

const modelFile = ({ model, size, batch }: ModelCase, folder: string): string => join(folder, `${model}-${size}-${batch}.onnx`)

async function openModel(runtime: Runtime, what: ModelCase, { threads }: Runner, folder: string): Promise<Subject> {
  const { shape, values } = modelInput(what)
  const [n, h, w, c] = shape
  return openSubject(runtime, threads, {
    model: modelFile(what, folder),
    optimisation: 'all',
    shape: [n, c, h, w],
    values: channelsFirst(values, shape),
    repeats: 1,
  })
}

async function openKernel(runtime: Runtime, { shape }: KernelCase, { threads }: Runner): Promise<Subject> {
  const kernel = onnxKernel(shape, kernelCopies)
  const [input] = kernelData(shape)
  const subject = await openSubject(runtime, threads, {
    model: onnxBytes(kernel.model),
    // Which would find nothing to fuse and might drop the copies whose results are not read.
    optimisation: 'disabled',
    shape: kernel.input,
    values: kernel.channelsFirst ? channelsFirst(input.values, input.shape) : input.values,
    repeats: kernelCopies,
  })
  if (!kernel.channelsFirst) return subject
  return { ...subject, output: async () => channelsLast(await subject.output(), kernel.output) }
}

interface Opened {
  readonly model: string | Uint8Array
  readonly optimisation: 'all' | 'disabled'
  readonly shape: readonly number[]
  readonly values: Float32Array
  readonly repeats: number
}

async function openSubject(
  runtime: Runtime,
  threads: number,
  { model, optimisation, shape, values, repeats }: Opened,
): Promise<Subject> {
  const start = performance.now()
  const { version, Tensor, create } = await runtime.load(threads)
  const loaded = performance.now()
  const session = await create(model, optimisation)
  const compileMs = performance.now() - loaded
  const infer = async (): Promise<Float32Array> => {
    const results = await session.run({ [session.inputNames[0]]: new Tensor('float32', values, shape) })
    return results[session.outputNames[0]].data as Float32Array
  }
  const result = Float32Array.from(await infer())
  return {
    facts: { compileMs, firstResultMs: performance.now() - start, version },
    repeats,
    run: async () => {
      await infer()
    },
    output: async () => result,
    memory: () => ({ peakRss: peakRss() }),
    close: () => session.release(),
  }
}

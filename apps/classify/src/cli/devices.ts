import { type Backend, ReferenceBackend } from '@scanline/tensor'
import { exitCodes, Failure } from './failure.js'

export interface DeviceOptions {
  /** Undefined: as many as the machine has. */
  readonly threads: number | undefined
}

interface Device {
  readonly about: string
  create(options: DeviceOptions): Promise<Backend>
}

/** The devices of `--device`. A further backend is one more entry, imported only when it is chosen. */
export const devices: Readonly<Record<string, Device>> = {
  wasm: {
    about: 'WebAssembly with SIMD and threads; runs everywhere',
    async create({ threads }) {
      const { createWasmBackend } = await import('@scanline/wasm')
      return createWasmBackend(threads === undefined ? {} : { threads })
    },
  },
  cpu: {
    about: 'native kernels for AVX2, AVX-512 and NEON; the fastest where it was built',
    async create({ threads }) {
      const { createCpuBackend, explainCpu, isCpuAvailable } = await import('@scanline/cpu')
      if (!isCpuAvailable()) throw new Failure(`--device cpu is not available here: ${explainCpu()}; use --device wasm`)
      return createCpuBackend(threads === undefined ? {} : { threads })
    },
  },
  reference: {
    about: 'the definition that others are tested against; very slow',
    async create({ threads = 1 }) {
      if (threads !== 1) throw new Failure(`--threads ${threads}: the reference device has one thread`, exitCodes.usage)
      return new ReferenceBackend()
    },
  },
}

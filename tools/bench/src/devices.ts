import type { Backend } from '@scanline/tensor'
import { BenchError } from './errors.js'

/** Backends by name. Each is imported when it is asked for. */
const devices: Readonly<Record<string, (threads: number) => Promise<Backend>>> = {
  wasm: async (threads) => (await import('@scanline/wasm')).createWasmBackend({ threads }),
  cpu: async (threads) => (await import('@scanline/cpu')).createCpuBackend({ threads }),
  reference: async () => new (await import('@scanline/tensor')).ReferenceBackend(),
}

export const deviceNames: readonly string[] = Object.keys(devices)

/** Throws `BenchError` for a name that is not in {@link deviceNames}. */
export async function openDevice(name: string, threads: number): Promise<Backend> {
  if (!Object.hasOwn(devices, name)) throw new BenchError(`there is no device "${name}"; choose one of ${deviceNames.join(', ')}`)
  return devices[name](threads)
}

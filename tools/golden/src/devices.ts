import type { Backend } from '@scanline/tensor'
import { FormatError } from './errors.js'

export interface DeviceOptions {
  readonly threads?: number
}

interface DeviceKind {
  /** What models are built in: float64 leaves only the rounding of the printed digits to compare. */
  readonly dtype: 'f64' | 'f32'
  readonly open: (options: DeviceOptions) => Promise<Backend>
}

/** Backends by name. Each is imported when it is asked for. */
const devices: Readonly<Record<string, DeviceKind>> = {
  wasm: {
    dtype: 'f32',
    open: async ({ threads }) => (await import('@scanline/wasm')).createWasmBackend(threads === undefined ? {} : { threads }),
  },
  cpu: {
    dtype: 'f32',
    open: async ({ threads }) => (await import('@scanline/cpu')).createCpuBackend(threads === undefined ? {} : { threads }),
  },
  reference: { dtype: 'f64', open: async () => new (await import('@scanline/tensor')).ReferenceBackend() },
}

export const deviceNames: readonly string[] = Object.keys(devices)

/** A backend and the element type that files are run in on it. */
export interface Device {
  readonly name: string
  readonly dtype: 'f64' | 'f32'
  readonly backend: Backend
}

/** Throws `FormatError` for a name that is not in {@link deviceNames}. */
export async function openDevice(name: string, options: DeviceOptions = {}): Promise<Device> {
  const kind = Object.hasOwn(devices, name) ? devices[name] : undefined
  if (!kind) throw new FormatError('--device', `there is no device "${name}"; choose one of ${deviceNames.join(', ')}`)
  return { name, dtype: kind.dtype, backend: await kind.open(options) }
}

// The entry for Node, Bun and Deno. Browsers get index.ts, so that their bundlers never see the native device.
import { type DeviceKind, devicesOf } from './devices.js'
import { given, reference, wasm } from './kinds.js'

export type { Choice, DeviceOptions } from './devices.js'

const cpu: DeviceKind = {
  about: 'native kernels for AVX2, AVX-512 and NEON; the fastest',
  open: async ({ threads }) => (await import('@scanline/cpu')).createCpuBackend(given(threads)),
  refusal: async () => (await import('@scanline/cpu')).explainCpu(),
}

export const { deviceNames, describeDevice, chooseDevice, openDevice } = devicesOf({ cpu, wasm, reference })

import { ArgumentError } from '@scanline/tensor'
import type { DeviceKind } from './devices.js'

/** A backend's options, without those that were left out. */
export const given = (threads: number | undefined): { threads?: number } => (threads === undefined ? {} : { threads })

export const wasm: DeviceKind = {
  about: 'WebAssembly with SIMD and threads; runs everywhere',
  open: async ({ threads }) => (await import('@scanline/wasm')).createWasmBackend(given(threads)),
}

export const reference: DeviceKind = {
  about: 'the definition that others are tested against; very slow',
  open: async ({ threads = 1 }) => {
    if (threads !== 1) throw new ArgumentError(`threads is ${threads}; the reference device has one`)
    return new (await import('@scanline/tensor')).ReferenceBackend()
  },
}

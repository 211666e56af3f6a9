import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { DeviceError } from '@scanline/tensor'

/** A device of the addon; see native/addon.cc. Addresses are numbers, as they have at most 53 bits. */
export interface NativeDevice {
  readonly level: string
  /** f32 in a vector. */
  readonly lanes: number
  /** Why a run failed; empty while none has. */
  readonly failure: string
  /** Bytes taken from the system. */
  readonly reserved: number
  /** 0 where there is no memory. */
  alloc(bytes: number): number
  free(address: number): void
  write(address: number, bytes: Uint8Array): void
  read(address: number, bytes: number): Promise<Uint8Array>
  done(): Promise<void>
  /** A handle of a program that `encodeProgram` wrote. */
  program(words: Float64Array): NativeProgram
  run(program: NativeProgram, addresses: Float64Array): void
  /** Runs a program of fixed addresses once. */
  launch(words: Float64Array): void
  close(): void
}

/** Opaque; freed by the garbage collector. */
export interface NativeProgram {
  readonly program: never
}

export interface NativeAddon {
  readonly Device: new (threads: number, level: string) => NativeDevice
  /** Instruction sets that were compiled in and run here, best first. */
  readonly levels: string
  /** Runs multiply-adds in registers; gives how many floating-point operations that were. */
  burn(level: string, rounds: number): number
}

const target = `${process.platform}-${process.arch}`
/** Where the addon lies; SCANLINE_CPU_ADDON names another, as for a build with a sanitizer. */
const built =
  process.env['SCANLINE_CPU_ADDON'] ?? fileURLToPath(new URL(`../dist/native/${target}/scanline.node`, import.meta.url))

let loaded: { readonly addon?: NativeAddon; readonly why: string } | undefined

/** The addon, or why there is none. Looked for once. */
function load(): { readonly addon?: NativeAddon; readonly why: string } {
  if (loaded) return loaded
  if (!existsSync(built)) {
    const hint = 'build it with a C++ compiler (npm run build), or use the wasm backend'
    return (loaded = { why: `there is no native addon for ${target}: ${built} does not exist; ${hint}` })
  }
  try {
    const addon = createRequire(import.meta.url)(built) as NativeAddon
    if (addon.levels) return (loaded = { addon, why: '' })
    return (loaded = { why: `${built} has no kernels for this processor (AVX2 with FMA is the least); use the wasm backend` })
  } catch (error) {
    return (loaded = { why: `${built} could not be loaded: ${error instanceof Error ? error.message : error}` })
  }
}

/** Whether the native backend runs here. */
export const isCpuAvailable = (): boolean => load().addon !== undefined

/** Why the native backend does not run here; empty where it does. */
export const explainCpu = (): string => load().why

/** Throws `DeviceError` that says what was tried. */
export function loadAddon(): NativeAddon {
  const { addon, why } = load()
  if (!addon) throw new DeviceError(why)
  return addon
}

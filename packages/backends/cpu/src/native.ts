import { findAddon, NativeAddonError, thisHost } from './find-addon.js'

/** A device of the addon; see native/addon.cc. Addresses are numbers, as they have at most 53 bits. */
export interface NativeDevice {
  readonly level: string
  /** f32 in a vector. */
  readonly lanes: number
  /** Whether the processor multiplies bfloat16. */
  readonly bf16: boolean
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

let loaded: { readonly addon?: NativeAddon; readonly error?: NativeAddonError } | undefined

/** The addon, or why there is none. Looked for once. */
function load(): { readonly addon?: NativeAddon; readonly error?: NativeAddonError } {
  try {
    return (loaded ??= { addon: findAddon(thisHost()) as NativeAddon })
  } catch (error) {
    if (error instanceof NativeAddonError) return (loaded = { error })
    throw error
  }
}

/** Whether the native backend runs here. */
export const isCpuAvailable = (): boolean => load().addon !== undefined

/** Why the native backend does not run here; empty where it does. */
export const explainCpu = (): string => load().error?.message ?? ''

/** Throws `NativeAddonError`, which says what was tried. */
export function loadAddon(): NativeAddon {
  const { addon, error } = load()
  if (!addon) throw error
  return addon
}

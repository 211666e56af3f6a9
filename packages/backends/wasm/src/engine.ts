/**
 * The parts of the WebAssembly API that are used, typed here because neither the DOM's nor Node's types may be assumed.
 */
export interface WasmModule {
  readonly __module: never
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer
  grow(pages: number): number
}

export interface WasmInstance {
  // biome-ignore lint/complexity/noBannedTypes: exports are functions of any signature until the caller says which
  readonly exports: Readonly<Record<string, Function>>
}

// biome-ignore lint/complexity/noBannedTypes: see above
type Imports = Record<string, Record<string, Function | WasmMemory>>

interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean
  compile(bytes: Uint8Array): Promise<WasmModule>
  Module: new (bytes: Uint8Array) => WasmModule
  Instance: new (module: WasmModule, imports: Imports) => WasmInstance
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory
}

export const WebAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly

/** Milliseconds, finer than `Date.now`. */
export const now = (): number => (globalThis as unknown as { performance: { now(): number } }).performance.now()

export const pageBytes = 65536

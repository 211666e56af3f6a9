import type { Backend, Binding, DeviceBuffer, Launch, MemoryUse, OpCall, ProgramSpec, Recording, Refusal } from '@scanline/tensor'

/** A backend that does what another does and remembers what it was asked for: which launch is for which call, and programs. */
export class WatchedBackend implements Backend {
  readonly name: string
  readonly capabilities: Backend['capabilities']
  readonly lost: Promise<Error>
  /** The call that each launch was chosen for. */
  readonly calls = new WeakMap<Launch, OpCall>()
  /** Bytes that a launch which only lays an input out anew reads and writes. */
  readonly prepared = new WeakMap<Launch, number>()
  /** The last program that was recorded. */
  program: ProgramSpec | undefined
  readonly #inner: Backend

  constructor(inner: Backend) {
    this.#inner = inner
    this.name = inner.name
    this.capabilities = inner.capabilities
    this.lost = inner.lost
  }

  select(call: OpCall): Launch | Refusal {
    const chosen = this.#inner.select(call)
    if ('refused' in chosen) return chosen
    this.calls.set(chosen, call)
    for (const { launch, bytes } of chosen.prepare ?? []) this.prepared.set(launch, 2 * bytes)
    return chosen
  }
  record(program: ProgramSpec): Promise<Recording> {
    this.program = program
    return this.#inner.record(program)
  }
  alloc(bytes: number): DeviceBuffer {
    return this.#inner.alloc(bytes)
  }
  free(buffer: DeviceBuffer): void {
    this.#inner.free(buffer)
  }
  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    this.#inner.write(buffer, offset, data)
  }
  read(buffer: DeviceBuffer, offset: number, bytes: number): Promise<Uint8Array> {
    return this.#inner.read(buffer, offset, bytes)
  }
  run(launch: Launch, args: readonly Binding[]): void {
    this.#inner.run(launch, args)
  }
  done(): Promise<void> {
    return this.#inner.done()
  }
  memory(): MemoryUse {
    return this.#inner.memory()
  }
  dispose(): void {
    this.#inner.dispose()
  }
}

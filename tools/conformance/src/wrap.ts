import type { Backend } from '@scanline/tensor'

/** A backend that does as another, but for what is replaced: for watching one, and for breaking one in a test. */
export function wrapBackend(backend: Backend, replaced: Partial<Backend> = {}): Backend {
  return {
    name: backend.name,
    capabilities: backend.capabilities,
    lost: backend.lost,
    alloc: (bytes) => backend.alloc(bytes),
    free: (buffer) => backend.free(buffer),
    write: (buffer, offset, data) => backend.write(buffer, offset, data),
    read: (buffer, offset, bytes) => backend.read(buffer, offset, bytes),
    select: (call) => backend.select(call),
    run: (launch, args) => backend.run(launch, args),
    record: (program) => backend.record(program),
    done: () => backend.done(),
    memory: () => backend.memory(),
    dispose: () => backend.dispose(),
    ...replaced,
  }
}

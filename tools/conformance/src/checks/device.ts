import { compile } from '@scanline/compile'
import {
  apply1,
  type Backend,
  DisposedError,
  type DType,
  empty,
  expression,
  layerNormOp,
  matmulOp,
  type Op,
  pointwiseOp,
  scope,
  type Tensor,
  tensor,
  UnsupportedError,
} from '@scanline/tensor'
import { ConformanceError } from '../compare.js'
import { statesAreReplacedInPlace } from './in-place.js'

/** One thing that must hold for a backend as such. */
export interface DeviceCheck {
  readonly name: string
  run(backend: Backend): Promise<void>
}

const unknownOp: Op<Record<never, never>> = {
  name: 'conformance.unknown',
  infer: ([x]) => [x],
  flops: () => 0,
}

const exponential = expression((e) => e.unary('exp', e.input(0)))

const allTypes: readonly DType[] = ['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'u8', 'bool']

/** The error of a call that nothing can run names all that a person needs to know. */
function expectUnsupported(run: () => unknown, ...names: readonly string[]): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw new ConformanceError(`expected an UnsupportedError, got ${error}`)
    const missing = names.filter((name) => !error.message.includes(name))
    if (missing.length > 0) throw new ConformanceError(`the error does not name ${missing.join(', ')}: ${error.message}`)
    return
  }
  throw new ConformanceError(`expected an UnsupportedError naming ${names.join(', ')}, and nothing was thrown`)
}

export const deviceChecks: readonly DeviceCheck[] = [
  {
    name: 'an unknown op is refused by name, shape, type and device',
    run: async (backend) => {
      const x = tensor([[1, 2, 3]], { device: backend })
      try {
        expectUnsupported(
          () => scope(() => void apply1(unknownOp, [x], {})),
          'conformance.unknown',
          '[1, 3]',
          'f32',
          backend.name,
        )
        const outcome = await compile((t: Tensor) => apply1(unknownOp, [t], {}), [x], { device: backend }).catch(
          (e: unknown) => e,
        )
        expectUnsupported(
          () => {
            throw outcome
          },
          'conformance.unknown',
          '[1, 3]',
          'f32',
          backend.name,
        )
      } finally {
        x.dispose()
      }
    },
  },
  {
    name: 'arithmetic on a type outside the capabilities is refused by name, shape, type and device',
    run: async (backend) => {
      for (const dtype of allTypes.filter((t) => !backend.capabilities.dtypes.includes(t))) {
        const x = empty([3, 3], { device: backend, dtype })
        // Not moves: bytes can be moved whatever they mean.
        const calls: (readonly [string, () => Tensor])[] = [
          [matmulOp.name, () => apply1(matmulOp, [x, x], {})],
          [layerNormOp.name, () => apply1(layerNormOp, [x], { eps: 1e-6 })],
          [pointwiseOp.name, () => apply1(pointwiseOp, [x], { expr: exponential, dtype })],
        ]
        try {
          for (const [op, call] of calls) expectUnsupported(() => scope(() => void call()), op, '[3, 3]', dtype, backend.name)
        } finally {
          x.dispose()
        }
      }
    },
  },
  { name: 'state is replaced in place', run: statesAreReplacedInPlace },
  {
    name: 'bytes come back as they were written',
    run: async (backend) => {
      const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) % 256)
      const buffer = backend.alloc(bytes.length)
      try {
        backend.write(buffer, 0, bytes)
        backend.write(buffer, 8, Uint8Array.of(1, 2, 3, 4))
        bytes.set([1, 2, 3, 4], 8)
        const got = await backend.read(buffer, 4, 92)
        const at = got.findIndex((b, i) => b !== bytes[4 + i])
        if (got.length !== 92 || at >= 0)
          throw new ConformanceError(`byte ${4 + at} reads ${got[at]} instead of ${bytes[4 + at]}`)
        backend.write(buffer, 4, new Uint8Array(92))
        if (at < 0 && got.some((b, i) => b !== bytes[4 + i]))
          throw new ConformanceError('read() must copy: a later write changed what it gave')
      } finally {
        backend.free(buffer)
      }
    },
  },
  {
    name: 'buffers of no bytes',
    run: async (backend) => {
      const buffer = backend.alloc(0)
      const got = await backend.read(buffer, 0, 0)
      backend.free(buffer)
      if (got.length !== 0) throw new ConformanceError(`reading nothing gave ${got.length} bytes`)
    },
  },
  {
    name: 'memory() counts what lives',
    run: async (backend) => {
      const before = backend.memory()
      const buffer = backend.alloc(1000)
      const during = backend.memory()
      backend.free(buffer)
      await backend.done()
      const after = backend.memory()
      if (during.buffers !== before.buffers + 1 || during.bytes < before.bytes + 1000)
        throw new ConformanceError(`alloc(1000) took memory() from ${JSON.stringify(before)} to ${JSON.stringify(during)}`)
      if (after.buffers !== before.buffers || after.bytes !== before.bytes)
        throw new ConformanceError(`free() left memory() at ${JSON.stringify(after)}, before it was ${JSON.stringify(before)}`)
    },
  },
]

/** Runs last: the backend cannot be used after it. */
export async function expectDisposable(backend: Backend): Promise<void> {
  const buffer = backend.alloc(4)
  backend.dispose()
  // The garbage collector frees forgotten tensors at any time.
  backend.free(buffer)
  try {
    backend.alloc(4)
  } catch (error) {
    if (error instanceof DisposedError) return
    throw new ConformanceError(`after dispose(), alloc() threw ${error} instead of a DisposedError`)
  }
  throw new ConformanceError('after dispose(), alloc() still works; it must throw a DisposedError')
}

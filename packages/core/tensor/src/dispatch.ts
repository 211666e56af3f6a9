import type { Attrs, Backend, Binding, Launch, OpCall } from './backend.js'
import { bytesPerElement } from './dtype.js'
import { ArgumentError, DeviceError, UnsupportedError } from './errors.js'
import type { Op, ValueSpec } from './op.js'
import { scope } from './scope.js'
import { contiguousStrides, formatShape, sizeOf } from './shape.js'
import { activeTapes, unheard } from './tape.js'
import { Storage, Tensor } from './tensor.js'

/**
 * Applies an op: traces it if an input is traced, else runs it on the inputs' device; either way gradient tapes see it.
 * Throws what `op.infer` throws, `DeviceError` for inputs on two devices, `UnsupportedError` without a kernel.
 */
export function apply<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const tapes = activeTapes(inputs)
  // Gradients are those of the parts, where an op has no rule of its own or its rule leaves out a fused epilogue.
  const inParts = tapes.length > 0 && !op.view && (!op.vjp || attrs.epilogue !== undefined)
  const smaller = inParts && op.decompose ? scope(() => op.decompose!(inputs, attrs)) : undefined
  if (smaller) return smaller
  const traced = inputs.find((t) => t.traced)?.traced
  const outputs = traced ? traced.tracer.record(op as unknown as Op, inputs, attrs) : execute(op, inputs, attrs)
  for (const tape of tapes) tape.record(op as unknown as Op, inputs, attrs, outputs)
  return outputs
}

/** `apply` for the many ops with a single output. */
export function apply1<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return apply(op, inputs, attrs)[0]
}

function execute<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  // Copied, as an op may hand its input back as the spec, and a tensor has an identity besides.
  const specs = op.infer(inputs, attrs).map(({ shape, dtype }) => ({ shape, dtype }))
  if (op.view) {
    const view = viewOf(op, inputs[0], attrs, specs[0])
    if (view) return [view]
  }
  const backend = commonDevice(op.name, inputs)
  const call: OpCall = { op: op.name, inputs: inputs.map((t) => t.spec), outputs: specs.map(withStrides), attrs }
  const selected = backend.select(call)
  if ('refused' in selected) {
    const smaller = op.decompose && unheard(() => scope(() => op.decompose!(inputs, attrs)))
    if (smaller) return smaller
    throw unsupported(call, backend, selected.refused)
  }
  const outputs = specs.map((spec) => new Tensor(new Storage(backend, sizeOf(spec.shape) * bytesPerElement[spec.dtype]), spec))
  if (outputs.some((t) => t.size > 0)) {
    launchNow(
      backend,
      selected,
      inputs.map((t) => t.binding),
      outputs.map((t) => t.binding),
    )
  }
  return outputs
}

function viewOf<A extends Attrs>(op: Op<A>, input: Tensor, attrs: A, spec: ValueSpec): Tensor | undefined {
  const layout = op.view?.(input.spec, attrs)
  if (!layout) return undefined
  return new Tensor(input.storage.retain(), { ...spec, strides: layout.strides, offset: input.offset + layout.offset })
}

/** Runs a launch and what it prepares, with temporaries that are freed at once (the device keeps the order). */
export function launchNow(backend: Backend, launch: Launch, inputs: readonly Binding[], outputs: readonly Binding[]): void {
  const temporaries: Binding[] = []
  const temporary = (bytes: number): Binding => {
    const binding = { buffer: backend.alloc(bytes), offset: 0 }
    temporaries.push(binding)
    return binding
  }
  try {
    const args = [...inputs]
    for (const { input, launch: preparation, bytes } of launch.prepare ?? []) {
      const prepared = temporary(bytes)
      launchNow(backend, preparation, [inputs[input]], [prepared])
      args[input] = prepared
    }
    backend.run(launch, [...args, ...outputs, ...(launch.scratch ? [temporary(launch.scratch)] : [])])
  } finally {
    for (const { buffer } of temporaries) backend.free(buffer)
  }
}

const withStrides = (spec: ValueSpec) => ({ ...spec, strides: contiguousStrides(spec.shape) })

function commonDevice(op: string, inputs: readonly Tensor[]): Backend {
  if (inputs.length === 0) throw new ArgumentError(`${op} was called without a tensor`)
  const backend = inputs[0].storage.backend
  const stranger = inputs.find((t) => t.storage.backend !== backend)
  if (stranger) {
    throw new DeviceError(
      `${op} got tensors of two devices: ${inputs[0]} and ${stranger}; nothing is copied silently, so make both on one device`,
    )
  }
  return backend
}

/** The error for a call that nothing can run: op, shapes, dtypes, device, and why the closest kernel declined. */
export function unsupported(call: OpCall, backend: Backend, reason: string): UnsupportedError {
  const inputs = call.inputs.map((s) => `${s.dtype}${formatShape(s.shape)}`).join(', ')
  return new UnsupportedError(`${call.op}(${inputs}) has no kernel on ${backend.name} and no decomposition: ${reason}`)
}

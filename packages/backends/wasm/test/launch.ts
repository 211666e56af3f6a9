import {
  type Attrs,
  type Backend,
  bytesPerElement,
  contiguousStrides,
  type DeviceBuffer,
  type DType,
  encode,
  type OpCall,
  sizeOf,
  viewBytes,
} from '@scanline/tensor'

/** A tensor for a test: `data` is the whole storage, which shape, strides and offset (in elements) look into. */
export interface Input {
  readonly data: readonly number[] | Float32Array
  readonly shape: readonly number[]
  readonly strides?: readonly number[]
  readonly offset?: number
  readonly dtype?: DType
}

export function callOf(
  op: string,
  inputs: readonly Input[],
  shape: readonly number[],
  attrs: Attrs = {},
  dtype: DType = 'f32',
): OpCall {
  return {
    op,
    attrs,
    inputs: inputs.map((x) => ({ shape: x.shape, dtype: x.dtype ?? 'f32', strides: x.strides ?? contiguousStrides(x.shape) })),
    outputs: [{ shape, dtype, strides: contiguousStrides(shape) }],
  }
}

/** Selects a kernel, runs what it wants prepared and then the kernel itself; gives the output. */
export async function launch(
  backend: Backend,
  op: string,
  inputs: readonly Input[],
  shape: readonly number[],
  attrs: Attrs = {},
  dtype: DType = 'f32',
) {
  const chosen = backend.select(callOf(op, inputs, shape, attrs, dtype))
  if ('refused' in chosen) throw new Error(chosen.refused)
  const held: DeviceBuffer[] = []
  const hold = (bytes: number) => {
    const buffer = backend.alloc(bytes)
    held.push(buffer)
    return buffer
  }
  const args = inputs.map((x) => {
    const bytes = encode(x.dtype ?? 'f32', x.data as readonly number[])
    const buffer = hold(bytes.length)
    backend.write(buffer, 0, bytes)
    return { buffer, offset: (x.offset ?? 0) * bytesPerElement[x.dtype ?? 'f32'] }
  })
  for (const { input, launch, bytes } of chosen.prepare ?? []) {
    const packed = { buffer: hold(bytes), offset: 0 }
    backend.run(launch, [args[input], packed])
    args[input] = packed
  }
  const bytes = sizeOf(shape) * bytesPerElement[dtype]
  // Four canaries behind the output: a kernel may read past a tensor, never write there.
  const output = hold(bytes + 16)
  backend.write(output, 0, new Uint8Array(bytes + 16).fill(0xa5))
  const scratch = chosen.scratch ? [{ buffer: hold(chosen.scratch), offset: 0 }] : []
  backend.run(chosen, [...args, { buffer: output, offset: 0 }, ...scratch])
  const all = await backend.read(output, 0, bytes + 16)
  for (const buffer of held) backend.free(buffer)
  if (all.subarray(bytes).some((b) => b !== 0xa5)) throw new Error(`${chosen.kernel} wrote past its output`)
  return viewBytes(dtype, all.slice(0, bytes))
}

/** Deterministic values in (-1, 1). */
export function noise(count: number, seed = 1): Float32Array {
  let state = (seed * 2654435761) >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) as number
  })
}

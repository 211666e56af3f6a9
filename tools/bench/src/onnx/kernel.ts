import type { Attribute, Initializer, OnnxModel } from '@scanline/onnx'
import { type KernelShape, kernelData, outSize } from '../kernels.js'

/** A kernel as an ONNX graph, and how its tensors differ from Scanline's channels-last ones. */
export interface OnnxKernel {
  readonly model: OnnxModel
  /** Of the input and the output. */
  readonly input: readonly number[]
  readonly output: readonly number[]
  /** True where they are [N, C, H, W]. */
  readonly channelsFirst: boolean
}

/**
 * The kernel `repeats` times on one input, each with a constant weight of its own; only the last result leaves the graph.
 * Copying input and result across the peer's boundary then costs a run 1/repeats of what it would.
 */
export function onnxKernel(shape: KernelShape, repeats: number): OnnxKernel {
  const [x, ...weights] = kernelData(shape)
  const { op, attributes, channelsFirst, output } = describe(shape)
  const [n, h, w, c] = x.shape
  const initializers: Initializer[] = []
  const nodes = Array.from({ length: repeats }, (_, i) => {
    const names = weights.map((_, k) => `w${i}_${k}`)
    for (const [k, weight] of weights.entries())
      initializers.push({ name: names[k], shape: weight.shape, dtype: 'f32', bytes: bytesOf(weight.values) })
    return { op, inputs: ['x', ...names], outputs: [`y${i}`], attributes }
  })
  const input = channelsFirst ? [n, c, h, w] : x.shape
  const graph = {
    inputs: [{ name: 'x', dtype: 'f32', shape: input }],
    outputs: [{ name: `y${repeats - 1}`, dtype: 'f32', shape: output }],
    nodes,
    initializers,
  } as const
  return { channelsFirst, input, output, model: { opset, graph } }
}

/** The first with Gelu. */
const opset = 20

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

interface Description {
  readonly op: string
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly channelsFirst: boolean
  readonly output: readonly number[]
}

function describe(shape: KernelShape): Description {
  switch (shape.op) {
    case 'matmul':
      return { op: 'MatMul', attributes: {}, channelsFirst: false, output: [shape.m, shape.n] }
    case 'depthwise':
    case 'conv2d': {
      const pad = shape.kernel >> 1
      const stride = shape.op === 'conv2d' ? shape.stride : 1
      const filters = shape.op === 'conv2d' ? shape.filters : shape.channels
      const out = outSize({ ...shape, stride })
      return {
        op: 'Conv',
        attributes: {
          group: { int: shape.op === 'conv2d' ? 1 : shape.channels },
          pads: { ints: [pad, pad, pad, pad] },
          strides: { ints: [stride, stride] },
        },
        channelsFirst: true,
        output: [1, filters, out, out],
      }
    }
    case 'layerNorm':
      return {
        op: 'LayerNormalization',
        attributes: { axis: { int: -1 }, epsilon: { float: 1e-6 } },
        channelsFirst: false,
        output: [shape.rows, shape.columns],
      }
    case 'gelu':
      return { op: 'Gelu', attributes: {}, channelsFirst: false, output: [shape.rows, shape.columns] }
    case 'softmax':
      return { op: 'Softmax', attributes: { axis: { int: -1 } }, channelsFirst: false, output: [shape.rows, shape.columns] }
  }
}

/** [N, H, W, C] → [N, C, H, W]. */
export function channelsFirst(values: Float32Array, [n, h, w, c]: readonly number[]): Float32Array<ArrayBuffer> {
  return reordered(values, [n, h * w, c])
}

/** [N, C, H, W] → [N, H, W, C]. */
export function channelsLast(values: Float32Array, [n, c, h, w]: readonly number[]): Float32Array<ArrayBuffer> {
  return reordered(values, [n, c, h * w])
}

/** The last two axes exchanged. */
function reordered(values: Float32Array, [n, rows, columns]: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length)
  for (let b = 0; b < n; b++) {
    const base = b * rows * columns
    for (let r = 0; r < rows; r++) for (let k = 0; k < columns; k++) out[base + k * rows + r] = values[base + r * columns + k]
  }
  return out
}

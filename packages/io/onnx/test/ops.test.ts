import { ReferenceBackend, sizeOf, tensor } from '@scanline/tensor'
import { baseShape, baseValues, runOnBases, type Sample, samples } from '@scanline/tensor/samples'
import { describe, expect, it } from 'vitest'
import { exportOnnx, OnnxExportError, onnxBytes } from '../src/index.js'
import { difference, openSession, runSession } from './setup.js'

/** Why a sample is not compared. */
function leftOut({ op, name, inputs }: Sample): string | undefined {
  if (inputs.some(({ dtype = 'f32' }) => dtype !== 'f32' && dtype !== 'i32') || /to (bf16|f16)/.test(name))
    return 'element types that ONNX Runtime computes little in'
  if (inputs.some((input) => sizeOf(baseShape(input)) === 0)) return 'ONNX Runtime has no memory for inputs without elements'
  if (/^(max|min)/.test(op === 'reduce' ? name : op) && name.includes('special values'))
    return 'ONNX says nothing of the largest of numbers and NaN'
  return undefined
}

/** For training only, or without an operator in ONNX; the adjoint of a depthwise convolution is a transposed one. */
const unwritten = ({ op, name }: Sample): boolean =>
  (/^(uniform|unfold|scatterAdd|.*Grad)$/.test(op) && op !== 'depthwiseConv2dInputGrad') ||
  // Zeros between elements come with gradients.
  (op === 'pad' && ['between elements', 'broadcast'].includes(name)) ||
  name === 'stochastic depth and dropout'

const candidates = samples.filter((sample) => leftOut(sample) === undefined)
const compared = candidates.filter((sample) => !unwritten(sample))
const refused = candidates.filter(unwritten)

function specs({ inputs }: Sample) {
  return inputs.map((input) => ({ shape: baseShape(input), dtype: input.dtype ?? ('f32' as const) }))
}

describe('ops as ONNX', () => {
  it.each(compared.map((sample) => [`${sample.op}: ${sample.name}`, sample] as const))('%s', async (_, sample) => {
    const device = new ReferenceBackend()
    const run = runOnBases(sample)
    const bases = specs(sample)
    const values = baseValues(sample)
    const model = await exportOnnx((...xs) => run(...xs), bases, { device, dynamicBatch: false, layout: 'NHWC' })
    const session = await openSession(onnxBytes(model))
    const got = await runSession(
      session,
      bases.map(({ shape, dtype }, i) => ({
        shape,
        values: dtype === 'i32' ? Int32Array.from(values[i]) : Float32Array.from(values[i]),
      })),
    )
    const want = run(...bases.map(({ shape, dtype }, i) => tensor(values[i], { shape, dtype, device })))
    for (const [i, y] of want.entries()) {
      expect(got[i].dims.map(Number)).toEqual(y.shape)
      expect(difference(Array.from(got[i].values, Number), Array.from(await y.data(), Number))).toBeLessThan(2e-5)
    }
    await session.release()
  })

  it.each(refused.map((sample) => [`${sample.op}: ${sample.name}`, sample] as const))('refuses %s', async (_, sample) => {
    const run = runOnBases(sample)
    const exported = exportOnnx((...xs) => run(...xs), specs(sample), { device: new ReferenceBackend(), dynamicBatch: false })
    await expect(exported).rejects.toThrow(OnnxExportError)
    await expect(exported).rejects.toThrow(sample.op === 'network' ? 'uniform(' : `${sample.op}(`)
  })
})

import { contiguousStrides, type Expr, sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { collapse } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { movable, refuseTypes } from '../refuse.js'

/** As `maxOperands` of native/simd/expression.h. */
const maxOperands = 32
/** Elements from which an operand that can only be read one by one is worth a copy: a transpose goes by cache lines. */
const worthPacking = 16_384

/** Any expression over operands of any layout, in f32. */
export const pointwise: KernelSpec = {
  name: 'pointwise',
  op: 'pointwise',
  select: (call) => {
    const {
      inputs,
      outputs: [out],
    } = call
    const expr = call.attrs.expr as Expr
    const read = new Set(expr.flatMap(([name, k]) => (name === 'input' ? [k] : [])))
    if (inputs.length > maxOperands) return { refused: `takes ${maxOperands} operands, not ${inputs.length}` }
    const used = inputs.filter((_, k) => read.has(k))
    const refusal = refuseTypes(call, movable, [...used, out])
    if (refusal) return refusal

    const dense = contiguousStrides(out.shape)
    const scattered = (k: number): boolean =>
      read.has(k) && inputs[k].shape.length > 0 && inputs[k].strides.at(-1)! > 1 && sizeOf(out.shape) >= worthPacking
    // Operands that are not read go along with the output, so that they keep no axes from merging.
    const stridesOf = (k: number) => (read.has(k) && !scattered(k) ? inputs[k].strides : dense)
    const { dims, strides } = collapse(out.shape, [...inputs.map((_, k) => stridesOf(k)), dense])
    const params: Params = {
      expr,
      inputs: inputs.map(({ dtype }, k) => ({
        used: read.has(k),
        dtype,
        outer: strides[k].slice(0, -2),
        row: strides[k].at(-2) ?? 0,
        stride: strides[k].at(-1) ?? 1,
      })),
      dtype: out.dtype,
      outer: dims.slice(0, -2),
      rows: dims.at(-2) ?? 1,
      length: dims.at(-1) ?? 1,
    }
    return { kernel: 'pointwise', params, ...packInputs(inputs, (_, k) => scattered(k)) }
  },
}

import type { Node } from '@scanline/compile'
import { add, type Expr, isFloat, permute, reshape, slice, type Tensor } from '@scanline/tensor'
import type { Lower, OpContext } from '../context.js'
import { sameDim } from '../dims.js'
import { channelsFirst, identity, Value } from '../value.js'

export const matmul: Lower = ({ builder, inputs: [a, b], dims: [dims], set }) =>
  set(0, Value.of(builder, dims, a.dtype, builder.add('MatMul', [a, b].map(matrices))))

/** The operator repeats leading axes by itself, but not those of the matrices. */
function matrices(value: Value): string {
  const { narrow } = value
  const same = (axis: number): boolean => sameDim(narrow!.dims.at(axis) ?? 1, value.dims.at(axis)!)
  return narrow && same(-1) && same(-2) ? matrices(narrow) : value.get()
}

type Window = { readonly stride: number[]; readonly padding: number[]; readonly dilation: number[] }

/** Convolutions, with the bias that follows. */
export const conv: Lower = (context) => {
  const { builder, node, inputs, dims, set, setLater } = context
  const [x, weight] = inputs
  const { stride, padding, dilation } = node.attrs as Window
  const [top, bottom, left, right] = padding
  const filters = dims[0][3] as number
  const depthwise = node.op.name === 'depthwiseConv2d'
  if (!depthwise && isProduct(context) && !x.has(channelsFirst(4))) return asProduct(context)
  const bias = biasAfter(context)
  const first = channelsFirst(4)
  const y = builder.add('Conv', [x.get(first), weight.get(), ...(bias ? [bias.name] : [])], {
    ...(depthwise && { group: { int: filters } }),
    kernel_shape: { ints: (weight.dims as number[]).slice(2) },
    ...(stride.some((s) => s !== 1) && { strides: { ints: stride } }),
    ...(dilation.some((d) => d !== 1) && { dilations: { ints: dilation } }),
    ...(padding.some((p) => p !== 0) && { pads: { ints: [top, left, bottom, right] } }),
  })
  const result = Value.of(builder, dims[0], x.dtype, y, first)
  set(0, result)
  for (const sum of bias?.sums ?? []) setLater(sum, result)
}

/** Whether a convolution is a product of each position with a matrix. */
function isProduct({ node, constant }: OpContext): boolean {
  const { stride, padding } = node.attrs as Window
  const weight = constant(1)
  return (
    weight !== undefined &&
    weight.shape[2] * weight.shape[3] === 1 &&
    [...stride, ...padding.map((p) => p + 1)].every((n) => n === 1)
  )
}

/** Positions that are there channels last stay so. */
function asProduct({ builder, inputs: [x], dims: [dims], constant, write, set }: OpContext): void {
  const weight = constant(1)!
  const matrix = write(() => permute(reshape(weight, weight.shape.slice(0, 2)), [1, 0]), 'weight')
  set(0, Value.of(builder, dims, x.dtype, builder.add('MatMul', [x.get(), matrix]), identity(4)))
}

/** Sums with a constant for each channel that nobody else comes between: the bias, and what batch norm adds. */
function biasAfter({
  node,
  followed,
  write,
  inputs: [x],
}: OpContext): { readonly sums: readonly Node[]; readonly name: string } | undefined {
  if (!isFloat(x.dtype)) return undefined
  const terms: Tensor[] = []
  const sums: Node[] = []
  for (;;) {
    const found = followed(sums.at(-1) ?? node, ({ op, attrs }) => {
      const expr = attrs.expr as Expr | undefined
      return op.name === 'pointwise' && expr?.length === 3 && expr[2][0] === 'add' && attrs.dtype === x.dtype
    })
    if (!found || found.other.dtype !== x.dtype || !perChannel(found.other)) break
    terms.push(found.other)
    sums.push(found.reader)
  }
  if (terms.length === 0) return undefined
  return { sums, name: write(() => terms.map(vector).reduce((a, b) => add(a, b)), 'bias_folded') }
}

const perChannel = ({ shape, strides }: Tensor): boolean =>
  shape.every((d, axis) => axis === shape.length - 1 || d === 1 || strides[axis] === 0)

const vector = (t: Tensor): Tensor =>
  reshape(
    t.shape.slice(1).reduce<Tensor>((v, _, axis) => slice(v, axis, 0, 1), t),
    [-1],
  )

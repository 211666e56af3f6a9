import type { Shape } from '@scanline/tensor'
import type { Lower } from '../context.js'
import { channelsFirst, Value } from '../value.js'

type Window = Readonly<Record<'stride' | 'padding' | 'dilation', number[]>> & { readonly shape: Shape }

const pads = ([top, bottom, left, right]: readonly number[]): number[] => [top, left, bottom, right]

/** The adjoint of a depthwise convolution is a transposed one: [N, OH, OW, C] → [N, H, W, C]. */
export const depthwiseConv2dInputGrad: Lower = ({ builder, node, inputs: [g, weight], dims: [dims], set }) => {
  const { stride, padding, dilation, shape } = node.attrs as unknown as Window
  const kernel = (weight.dims as number[]).slice(2)
  const rest = kernel.map((k, i) => {
    const full = ((g.dims[1 + i] as number) - 1) * stride[i] + dilation[i] * (k - 1) + 1
    return shape[1 + i] - (full - padding[2 * i] - padding[2 * i + 1])
  })
  const first = channelsFirst(4)
  const y = builder.add('ConvTranspose', [g.get(first), weight.get()], {
    group: { int: shape[3] },
    kernel_shape: { ints: kernel },
    strides: { ints: stride },
    dilations: { ints: dilation },
    pads: { ints: pads(padding) },
    output_padding: { ints: rest },
  })
  set(0, Value.of(builder, dims, g.dtype, y, first))
}

/** Windows [N, OH, OW, kh, kw, C] added up where they belong. */
export const fold: Lower = ({ builder, node, inputs: [columns], dims: [dims], set, refuse }) => {
  if (builder.opset < 18) throw refuse('Col2Im came with opset 18')
  const { stride, padding, dilation, shape } = node.attrs as unknown as Window
  const [n, oh, ow, kh, kw, channels] = columns.dims as readonly [(typeof columns.dims)[0], ...number[]]
  const rows = builder.reshape(columns.get([0, 5, 3, 4, 1, 2]), [n, channels * kh * kw, oh * ow])
  const y = builder.add('Col2Im', [rows, builder.ints(shape.slice(1, 3)), builder.ints([kh, kw])], {
    strides: { ints: stride },
    dilations: { ints: dilation },
    pads: { ints: pads(padding) },
  })
  set(0, Value.of(builder, dims, columns.dtype, y, channelsFirst(4)))
}

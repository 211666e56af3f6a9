import type { Lower } from '../context.js'
import { channelsFirst, Value } from '../value.js'

type Pool = Readonly<Record<'kernel' | 'stride' | 'padding' | 'dilation', number[]>> & { readonly countPadding?: boolean }

/** Windows of images, channels first. */
function pool(op: string): Lower {
  return ({ builder, node, inputs: [x], dims: [dims], set, refuse }) => {
    const { kernel, stride, padding, dilation, countPadding } = node.attrs as Pool
    const dilated = dilation.some((d) => d !== 1)
    if (dilated && op === 'AveragePool' && builder.opset < 19) throw refuse('averages of dilated windows came with opset 19')
    const [top, bottom, left, right] = padding
    const first = channelsFirst(4)
    const y = builder.add(op, [x.get(first)], {
      kernel_shape: { ints: kernel },
      strides: { ints: stride },
      pads: { ints: [top, left, bottom, right] },
      ...(dilated && { dilations: { ints: dilation } }),
      ...(countPadding && { count_include_pad: { int: 1 } }),
    })
    set(0, Value.of(builder, dims, x.dtype, y, first))
  }
}
export const maxPool2d = pool('MaxPool')
export const avgPool2d = pool('AveragePool')

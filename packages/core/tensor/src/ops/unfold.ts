import { apply1 } from '../dispatch.js'
import type { Op } from '../op.js'
import { type Shape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { eachTap, type WindowAttrs, windowShape } from './window.js'

export type UnfoldAttrs = WindowAttrs & { readonly kernel: readonly [number, number] }
export type FoldAttrs = UnfoldAttrs & { readonly shape: Shape }

/** im2col: [N, H, W, C] → [N, OH, OW, kh, kw, C], zero where a tap falls outside. */
export const unfoldOp: Op<UnfoldAttrs> = {
  name: 'unfold',
  infer: ([x], attrs) => [
    { shape: [x.shape[0], ...windowShape('unfold', x.shape, attrs.kernel, attrs), ...attrs.kernel, x.shape[3]], dtype: x.dtype },
  ],
  vjp: ([g], { inputs: [x], attrs }) => [apply1(foldOp, [g!], { ...attrs, shape: x.shape })],
  reference: ([x], attrs, [out]) => {
    const result = new Float64Array(sizeOf(out.shape))
    eachColumn(x.shape, out.shape, attrs, (image, column, length) => result.set(x.data.subarray(image, image + length), column))
    return [result]
  },
  flops: () => 0,
}

/** col2im, the adjoint of `unfold`: adds every tap back to where it was read. */
export const foldOp: Op<FoldAttrs> = {
  name: 'fold',
  infer: ([columns], { shape }) => [{ shape, dtype: columns.dtype }],
  vjp: ([g], { attrs: { shape: _, ...attrs } }) => [apply1(unfoldOp, [g!], attrs)],
  reference: ([columns], attrs) => {
    const result = new Float64Array(sizeOf(attrs.shape))
    eachColumn(attrs.shape, columns.shape, attrs, (image, column, length) => {
      for (let c = 0; c < length; c++) result[image + c] += columns.data[column + c]
    })
    return [result]
  },
  flops: ([columns]) => sizeOf(columns.shape),
}

/** Calls `visit` with the flat positions of each run of channels in the image and in the columns. */
function eachColumn(
  image: Shape,
  columns: Shape,
  { stride, padding, dilation }: WindowAttrs,
  visit: (image: number, column: number, length: number) => void,
): void {
  const [n, h, w, c] = image
  const [, oh, ow, kh, kw] = columns
  for (let b = 0; b < n; b++) {
    eachTap(h, oh, kh, padding[0], stride[0], dilation[0], (y, ky, iy) => {
      eachTap(w, ow, kw, padding[2], stride[1], dilation[1], (x, kx, ix) => {
        visit(((b * h + iy) * w + ix) * c, ((((b * oh + y) * ow + x) * kh + ky) * kw + kx) * c, c)
      })
    })
  }
}

/** Every window of an image [N, H, W, C] as [N, OH, OW, kh, kw, C]. */
export const unfold = (x: Tensor, attrs: UnfoldAttrs): Tensor => apply1(unfoldOp, [x], attrs)

/** Adds windows [N, OH, OW, kh, kw, C] into an image of the given shape. */
export const fold = (columns: Tensor, attrs: FoldAttrs): Tensor => apply1(foldOp, [columns], attrs)

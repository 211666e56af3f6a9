import { type DType, DTypeError, ShapeError, type Tensor } from '@scanline/tensor'

/**
 * That a model called `name` gets images [N, H, W, channels] of the type of its parameters. Throws `ShapeError` and
 * `DTypeError`, which say how to get there.
 */
export function checkImages(
  name: string,
  x: Tensor,
  { channels, dtype }: { readonly channels: number; readonly dtype: DType },
): void {
  if (x.rank !== 4 || x.shape[3] !== channels) {
    const advice =
      x.rank === 4 && x.shape[1] === channels
        ? 'permute(x, [0, 2, 3, 1]) puts the channels last'
        : x.rank === 3
          ? 'unsqueeze(x, 0) makes a batch of one image'
          : `inChans sets the number of channels`
    throw new ShapeError(`${name} needs images [N, H, W, ${channels}], got ${x}; ${advice}`)
  }
  if (x.dtype !== dtype)
    throw new DTypeError(`this ${name} has ${dtype} parameters and needs ${dtype} images, got ${x}; cast() them`)
}

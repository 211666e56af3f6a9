import { interpolate } from '@scanline/tensor'
import { of, type Sample } from './sample.js'

const sizes: readonly (readonly [number, number])[] = [
  [10, 14],
  [3, 20],
  [13, 4],
  [1, 1],
  [5, 7],
]

/** Maps of 5 × 7, larger, smaller, both, to one value, and as they are. */
export const interpolateSamples: readonly Sample[] = (['nearest', 'bilinear', 'bicubic'] as const).flatMap((mode) =>
  sizes.flatMap((size) =>
    (mode === 'nearest' ? [false] : [false, true]).map(
      (alignCorners): Sample => ({
        op: 'network',
        name: `interpolate 5x7 to ${size.join('x')}, ${mode}${alignCorners ? ', corners aligned' : ''}`,
        inputs: [of([2, 5, 7, 3])],
        run: (x) => interpolate(x, size, { mode, alignCorners }),
      }),
    ),
  ),
)

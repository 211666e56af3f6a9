import { cast, type DType, isFloat } from '@scanline/tensor'
import { of, type Sample } from './sample.js'

const types: readonly DType[] = ['f32', 'f16', 'bf16', 'i64', 'i32', 'u8', 'bool']

// Halves between two f16 and bf16 neighbours round to even, 65520 is the first f16 infinity, 6e-8 an f16 subnormal.
const awkwardFloats = [0, -0, 1, -1, 2049, 2051, 257, 259, 65504, 65519, 65520, 6e-8, 3e-8, 1e-5, 0.1, -0.3, 1e4, 3.7]

/**
 * Among all types a backend may have. Values outside an integer's range, and NaN to an integer, are left out: every
 * language gives something else there.
 */
const pairs: Sample[] = types.flatMap((from) =>
  types.flatMap((to) =>
    from === to
      ? []
      : [
          {
            op: 'cast',
            name: `${from} to ${to}`,
            inputs: [of([5, 7], { dtype: from, fill: fillFor(from, to) })],
            run: (x) => cast(x, to),
            ...(isFloat(to) ? { noDifferences: 'rounds in steps' } : { noGradient: 'whole numbers' }),
          },
        ],
  ),
)

function fillFor(from: DType, to: DType): readonly number[] {
  if (from === 'u8') return [0, 1, 2, 127, 128, 255]
  if (from === 'bool') return [0, 1]
  if (from === 'i32' || from === 'i64')
    return to === 'u8' ? [0, 1, 200, 255] : [0, 1, -1, 255, -256, 4097, 40000, -70001, 16777217]
  if (to === 'u8') return [0, -0, 0.5, 0.99, 1.5, 2.5, 254.75, 255]
  if (to === 'i32' || to === 'i64') return [0, -0, 0.5, -0.99, 1.5, -2.5, 1e4, -300.7, 65504]
  return awkwardFloats
}

export const castSamples: readonly Sample[] = [
  ...pairs,
  {
    op: 'cast',
    name: 'special values, f32 to f16',
    inputs: [of([31], { fill: 'special' })],
    run: (x) => cast(x, 'f16'),
  },
  {
    op: 'cast',
    name: 'special values, f32 to bf16 and back',
    inputs: [of([31], { fill: 'special' })],
    run: (x) => cast(cast(x, 'bf16'), 'f32'),
  },
  { op: 'cast', name: 'special values, f32 to bool', inputs: [of([31], { fill: 'special' })], run: (x) => cast(x, 'bool') },
  {
    op: 'cast',
    name: 'transposed u8 image to f32',
    inputs: [of([3, 5, 7], { dtype: 'u8', fill: { from: 0, below: 256 }, view: 'permuted' })],
    run: (x) => cast(x, 'f32'),
  },
  { op: 'cast', name: 'empty', inputs: [of([0, 3], { dtype: 'i32', fill: [1] })], run: (x) => cast(x, 'f32') },
]

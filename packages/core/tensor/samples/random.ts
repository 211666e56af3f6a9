import { uniform } from '@scanline/tensor'
import { awkwardLengths, of, type Sample } from './sample.js'

const key = of([2], { dtype: 'i32', fill: [0x13198a2e, -0x1c8cb8d0] })

export const randomSamples: readonly Sample[] = [
  ...awkwardLengths.map((n): Sample => ({ op: 'uniform', name: `${n} numbers`, inputs: [key], run: (k) => uniform(k, [n]) })),
  { op: 'uniform', name: 'three axes, stream 7', inputs: [key], run: (k) => uniform(k, [3, 5, 7], 7) },
  {
    op: 'uniform',
    name: 'key of zeros',
    inputs: [of([2], { dtype: 'i32', fill: [0] })],
    run: (k) => uniform(k, [33], 2 ** 31 - 1),
  },
  {
    op: 'uniform',
    name: 'key lying apart',
    inputs: [of([2], { dtype: 'i32', fill: [1, -2, 3], view: 'strided' })],
    run: (k) => uniform(k, [9]),
  },
]

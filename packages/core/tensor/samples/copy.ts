import { contiguous } from '@scanline/tensor'
import { of, type Sample, type SampleInput } from './sample.js'

const layouts: readonly [string, SampleInput][] = [
  ['sliced rows', of([7, 9], { view: 'sliced' })],
  ['every other element', of([5, 17], { view: 'strided' })],
  ['transposed', of([49, 24], { view: 'transposed' })],
  ['transposed, one off a tile', of([33, 31], { view: 'transposed' })],
  ['batch of transposed', of([3, 8, 5], { view: 'transposed' })],
  ['channels first to last', of([5, 7, 3, 2], { view: 'permuted' })],
  ['five axes reversed', of([2, 3, 4, 5, 3], { view: 'permuted' })],
  ['rows repeated', of([7, 5], { view: { broadcast: [0] } })],
  ['elements repeated', of([7, 5], { view: { broadcast: [1] } })],
  ['one element everywhere', of([3, 4, 5], { view: { broadcast: [0, 1, 2] } })],
  ['middle axis repeated', of([3, 9, 4], { view: { broadcast: [1] } })],
  ['special values', of([9, 3], { view: 'transposed', fill: 'special' })],
  ['denormals', of([4, 8], { view: 'transposed', fill: 'denormal' })],
  ['f16', of([7, 5], { view: 'transposed', dtype: 'f16' })],
  ['bf16', of([7, 5], { view: 'sliced', dtype: 'bf16' })],
  ['u8', of([7, 5], { view: 'transposed', dtype: 'u8', fill: { from: 0, below: 256 } })],
  ['bool', of([7, 5], { view: 'strided', dtype: 'bool', fill: [1, 0, 0] })],
  ['i32', of([7, 5], { view: 'transposed', dtype: 'i32', fill: [-(2 ** 31), 2 ** 31 - 1, 0, -1] })],
  ['i64', of([7, 5], { view: 'transposed', dtype: 'i64', fill: [2 ** 40, -3] })],
]

export const copySamples: readonly Sample[] = layouts.map(([name, input]) => ({
  op: 'copy',
  name,
  inputs: [input],
  run: (x) => contiguous(x),
}))

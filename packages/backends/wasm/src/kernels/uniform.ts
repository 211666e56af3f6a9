import { rotations, sizeOf } from '@scanline/tensor'
import { f32x4, i8x16, i32, i32x4, minU, v128 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { bytes } from '../vectors.js'

interface UniformParams extends Split {
  readonly length: number
  readonly stream: number
}

/** Elements that one item makes: both words at four counters. */
const block = 8

/** Threefry-2x32 with 20 rounds (Salmon et al., SC 2011) at four counters at once. */
export const uniform = defineKernel<UniformParams>({
  name: 'uniform',
  op: 'uniform',
  select: (call) => {
    const length = sizeOf(call.outputs[0].shape)
    const { stream } = call.attrs as { readonly stream: number }
    return {
      kernel: 'uniform',
      params: { ...split(Math.ceil(length / block), 120), length, stream: stream | 0 },
      ...packInputs(call.inputs),
    }
  },
  emit: (k, { length, stream }) =>
    k.define(2, (f, [key, output], { begin, end }) => {
      const [key0, key1] = [0, 4].map((at) => f.let(v128.load32_splat(key, at)))
      const parity = f.let(v128.xor(v128.xor(key0, key1), k.splatBits(0x1bd11bda)))
      const keys = [key0, key1, parity]
      const second = f.let(i32x4.add(k.splatBits(stream), key1))
      const [x0, x1] = [f.local('v128'), f.local('v128')]
      const words = (item: typeof begin) => {
        const counters = i32x4.add(i32x4.splat(i32.mul(item, 4)), laneNumbers())
        f.set(x0, i32x4.add(counters, key0))
        f.set(x1, second)
        for (let round = 0; round < 20; round++) {
          const r = rotations[round & 7]
          f.set(x0, i32x4.add(x0, x1))
          f.set(x1, v128.xor(v128.or(i32x4.shl(x1, r), i32x4.shr_u(x1, 32 - r)), x0))
          if (round % 4 !== 3) continue
          const injection = (round >> 2) + 1
          f.set(x0, i32x4.add(x0, keys[injection % 3]))
          f.set(x1, i32x4.add(i32x4.add(x1, keys[(injection + 1) % 3]), k.splatBits(injection)))
        }
        // The upper 24 bits, exact in f32.
        for (const x of [x0, x1]) f.set(x, f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(x, 8)), k.splat(2 ** -24)))
      }
      const store = (item: typeof begin, count: number) => {
        words(item)
        const target = f.let(element(output, item, 4 * block))
        f.store.lanes(target, i8x16.shuffle(x0, x1, firstPairs), Math.min(4, count))
        if (count > 4) f.store.lanes(target, i8x16.shuffle(x0, x1, lastPairs), count - 4, 16)
      }
      const whole = Math.floor(length / block)
      f.for(begin, f.let(minU(end, whole)), 1, (item) => store(item, block))
      if (length % block > 0) f.if(i32.gt_u(end, whole), () => store(f.let<'i32'>(i32.const(whole)), length % block))
    }),
})

const firstPairs = bytes((i) => [0, 4, 1, 5][i])
const lastPairs = bytes((i) => [2, 6, 3, 7][i])

/** 0, 1, 2, 3 */
const laneNumbers = () => [1, 2, 3].reduce((v, lane) => i32x4.replace(v, lane, lane), i32x4.const(0))

import { compile } from '@scanline/compile'
import { add, type Backend, matmul, mul, reshape, scope, slice, sub, type Tensor, tensor } from '@scanline/tensor'
import { ConformanceError } from '../compare.js'

const sizes = [1, 7, 49, 1027, 5000]

/** A result in the memory of the input that it replaces, with work before it that reads the old value, run again and again. */
export async function statesAreReplacedInPlace(backend: Backend): Promise<void> {
  for (const size of sizes) {
    const numbers = Float32Array.from({ length: size }, (_, i) => Math.sin(i))
    const state = tensor(numbers, { device: backend })
    const scalars = tensor([0.25, -3], { device: backend })
    const step = (s: Tensor, numbers: Tensor) =>
      scope(() => {
        const [rate, shift] = [slice(numbers, 0, 0, 1), slice(numbers, 0, 1, 2)]
        const total = reshape(matmul(reshape(s, [1, size]), reshape(s, [size, 1])), [])
        return { next: add(sub(s, mul(rate, s)), shift), total }
      })
    try {
      const program = await compile(step, [state, scalars], { device: backend, inPlace: [[0, 0]] })
      const expected = Float64Array.from(numbers)
      for (let run = 0; run < 3; run++) {
        const { next, total } = program.run(state, scalars)
        const found = [await total.item(), ...(await next.data())].map(Number)
        const want = [expected.reduce((sum, v) => sum + v * v, 0), ...expected.map((v) => 0.75 * v - 3)]
        for (const [i, value] of (await state.data()).entries())
          if (Number(value) !== found[i + 1])
            throw new ConformanceError(`element ${i} of ${size} is ${value} in the input and ${found[i + 1]} in the result`)
        for (const [i, value] of found.entries())
          if (!(Math.abs(value - want[i]) <= 1e-4 * Math.max(1, Math.abs(want[i]))))
            throw new ConformanceError(
              `run ${run} over ${size} elements gave ${value} instead of ${want[i]} ${i === 0 ? 'for the old value' : `at ${i - 1}`}`,
            )
        expected.set(want.slice(1))
        next.dispose()
        total.dispose()
      }
      program.dispose()
    } finally {
      state.dispose()
      scalars.dispose()
    }
  }
}

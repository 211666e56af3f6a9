import { add, flip, matmul, mul, ReferenceBackend, reshape, sub, type Tensor, tensor, transpose } from '@scanline/tensor'
import { expect, test } from 'vitest'
import { compile } from '../src/index.js'

const devices = [new ReferenceBackend()]
const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number)

test.each(devices)('state is replaced where it lies ($name)', async (device) => {
  const size = 10_007
  const start = Float32Array.from({ length: size }, (_, i) => i % 97)
  using state = tensor(start, { device })
  using rate = tensor([0.5], { device })
  const step = (s: Tensor, r: Tensor): Tensor => sub(s, mul(r, add(s, 1)))
  using program = await compile(step, [state, rate], { device, inPlace: [[0, 0]] })
  const expected = Array.from(start)
  const before = device.memory().buffers
  for (let run = 0; run < 3; run++) {
    using next = program.run(state, rate)
    expect(device.memory().buffers).toBe(before)
    for (let i = 0; i < size; i++) expected[i] = Math.fround(expected[i] - 0.5 * (expected[i] + 1))
    expect(await numbers(next)).toEqual(await numbers(state))
    expect(await numbers(state)).toEqual(expected)
  }
})

const unsafe: readonly (readonly [string, (a: Tensor, b: Tensor) => Tensor[], [number, number][]])[] = [
  [
    'an exchange',
    (a, b) => [b, a],
    [
      [0, 0],
      [1, 1],
    ],
  ],
  ['an old value given beside the new one', (a, b) => [add(a, b), a], [[0, 0]]],
  ['a transposed reader', (a, b) => [add(a, transpose(a, 0, 1)), b], [[0, 0]]],
  ['a product', (a, b) => [matmul(a, b), b], [[0, 0]]],
  [
    'a reader that comes later',
    (a, b) => {
      const next = add(a, 1)
      return [next, matmul(flip(a, [0]), next), add(b, a)]
    },
    [
      [0, 0],
      [2, 1],
    ],
  ],
]

test.each(devices.flatMap((device) => unsafe.map((row) => ({ device, name: row[0], f: row[1], inPlace: row[2] }))))(
  'what still needs the old value gets it: $name ($device.name)',
  async ({ device, f, inPlace }) => {
    const values = (from: number) =>
      tensor(
        Float32Array.from({ length: 49 }, (_, i) => Math.sin(from + i)),
        { shape: [7, 7], device },
      )
    const expected = await Promise.all(f(values(1), values(2)).map(numbers))
    const inputs = [values(1), values(2)]
    const program = await compile((a, b) => f(a, b), inputs, { device, inPlace })
    const found = await Promise.all(program.run(...inputs).map(numbers))
    for (const [k, row] of expected.entries()) for (const [i, v] of row.entries()) expect(found[k][i]).toBeCloseTo(v, 5)
    for (const [k, j] of inPlace) expect(await numbers(inputs[j])).toEqual(found[k])
  },
)

test('pairs that are none are refused, and nothing is left behind', async () => {
  const device = new ReferenceBackend()
  const x = { shape: [2], dtype: 'f32' } as const
  const run = (inPlace: [number, number][], f = (a: Tensor, b: Tensor): Tensor[] => [add(a, b), mul(a, b)]) =>
    compile((a, b) => f(a, b), [x, x], { device, inPlace })
  await expect(
    run([
      [0, 0],
      [1, 0],
    ]),
  ).rejects.toThrow(/one of them twice/)
  await expect(run([[2, 0]])).rejects.toThrow(/output 2 over input 0; the function has 2 outputs and 2 inputs/)
  await expect(run([[0, 0]], (a) => [reshape(a, [2, 1])])).rejects.toThrow(/must be alike/)
  expect(device.memory().buffers).toBe(0)
})

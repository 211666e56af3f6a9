import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as s from '../src/index.js'

const device = new s.ReferenceBackend()
const iota = (shape: number[], dtype: s.DType = 'f64'): s.Tensor =>
  s.tensor(
    Float64Array.from({ length: s.sizeOf(shape) }, (_, i) => i),
    { device, dtype, shape },
  )

/** Elements by a walk over the indices: what any chain of views must equal. */
function elements(x: s.Tensor, buffer: Float64Array): number[] {
  const out: number[] = []
  s.eachPosition(x.shape, x.strides, (at) => {
    out.push(buffer[x.offset + at])
  })
  return out
}

describe('views', () => {
  test('chains of them read the elements that copying at every step reads', async () => {
    const step = fc.tuple(fc.constantFrom('reshape', 'permute', 'slice', 'broadcast', 'flip'), fc.infiniteStream(fc.nat(1000)))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
        fc.array(step, { maxLength: 6 }),
        async (shape, steps) => {
          let view = iota(shape)
          let copy = iota(shape)
          for (const [kind, numbers] of steps) {
            const pick = (n: number): number => numbers.next().value % n
            let f: (x: s.Tensor) => s.Tensor = (x) => x
            if (kind === 'reshape') {
              const to = pick(2) ? [view.size] : [1, ...[...view.shape].reverse()]
              f = (x) => s.reshape(x, to)
            } else if (kind === 'permute') {
              const axes = view.shape.map((_, i) => ({ i, key: pick(1000) })).sort((a, b) => a.key - b.key)
              f = (x) =>
                s.permute(
                  x,
                  axes.map(({ i }) => i),
                )
            } else if (kind === 'slice') {
              const axis = pick(view.rank)
              const start = pick(view.shape[axis])
              const step = 1 + pick(2)
              f = (x) => s.slice(x, axis, start, x.shape[axis], step)
            } else if (kind === 'broadcast' && view.size < 500) {
              const n = 1 + pick(2)
              f = (x) => s.broadcastTo(x, [n, ...x.shape])
            } else if (kind === 'flip') f = (x) => s.flip(x, [0])
            view = f(view)
            copy = s.contiguous(f(copy))
            expect(view.shape).toEqual(copy.shape)
          }
          expect(await view.data()).toEqual(await copy.data())
        },
      ),
    )
  })

  test('share memory and cost none', () => {
    const fresh = new s.ReferenceBackend()
    const x = s.tensor(new Float32Array(24), { device: fresh, shape: [2, 3, 4] })
    const { buffers } = fresh.memory()
    const views = [s.permute(x, [2, 0, 1]), s.reshape(x, [6, 4]), s.slice(x, 2, 1, 3), s.broadcastTo(x, [5, 2, 3, 4])]
    expect(fresh.memory().buffers).toBe(buffers)
    x.dispose()
    expect(fresh.memory().buffers).toBe(buffers)
    for (const v of views) v.dispose()
    expect(fresh.memory().buffers).toBe(0)
  })

  test('read what they show', async () => {
    const x = iota([2, 3])
    const buffer = (await x.data()) as Float64Array
    for (const v of [s.transpose(x), s.slice(x, 1, 1, 3), s.broadcastTo(x, [2, 2, 3]), s.slice(x, 1, 0, 3, 2)]) {
      expect([...(await v.data())]).toEqual(elements(v, buffer))
    }
  })

  test.each([
    [() => s.reshape(iota([2, 3]), [4, 2]), /cannot reshape \[2, 3\] \(6 elements\) to \[4, 2\] \(8\)/],
    [() => s.permute(iota([2, 3]), [0, 0]), /needs every axis/],
    [() => s.slice(iota([4]), 0, 2, 6), /outside axis 0 .* length 4/],
    [() => s.broadcastTo(iota([2]), [3]), /cannot broadcast \[2\] to \[3\]/],
    [() => s.split(iota([4]), [1, 2]), /does not fill axis/],
    [() => s.squeeze(iota([2]), 0), /length 1/],
    [() => s.add(iota([2, 3]), iota([2])), /\[2, 3\] and \[2\] do not broadcast: 3 and 2 differ on axis 1/],
    [() => s.matmul(iota([2, 3]), iota([4, 5])), /matmul of \[2, 3\] and \[4, 5\]/],
    [() => s.conv2d(iota([1, 2, 2, 3]), iota([4, 3, 5, 5])), /5×5 kernel does not fit/],
    [() => s.conv2d(iota([1, 2, 2, 3]), iota([4, 3, 1, 1], 'f32')), /conv2d got f64 and a weight of f32; cast\(\)/],
    [() => s.conv2d(iota([1, 2, 2, 3]), iota([3, 1, 1, 1], 'f32'), undefined, { groups: 3 }), /depthwise .* weight of f32/],
    [() => s.layerNorm(iota([2, 3]), iota([3], 'f32'), iota([3]), 1e-6), /layerNorm got f64 and weights of f32/],
    [() => s.where(iota([2]), iota([2]), iota([2], 'f32')), /f64 and f32; cast\(\)/],
    [() => s.crossEntropy(iota([2, 3]), iota([2, 1])), /probabilities \[N, classes\]/],
    [() => s.zeros([2], { device }).write([1, 2]), /needs a contiguous tensor, .* write to what it is a view of/],
    [() => s.sum(iota([2]), [3]), /axis 3 is outside/],
    [() => s.tensor([[1, 2], [3]], { device }), /equally long/],
    [() => s.tensor([1, 2, 3], { device, shape: [2] }), /3 values do not fill/],
    [() => s.tensor([1, 2], { device, shape: [-1, -2] }), /non-negative whole numbers, got \[-1, -2\]/],
    [() => s.zeros([2], { device, dtype: 'float32' as 'f32' }), /no element type "float32"; use one of f64, f32/],
    [() => s.concat([iota([2, 2]), iota([3, 3])], 0), /other axes equal/],
    [() => s.maxPool2d(iota([1, 4, 4, 1]), { kernel: 2, padding: 2 }), /smaller than the kernel/],
  ])('a wrong argument is named (%#)', (f, message) => {
    expect(f).toThrow(message)
    expect(f).toThrow(s.ScanlineError)
  })
})

describe('element types', () => {
  test('halves round to nearest even and come back', () => {
    for (let pattern = 0; pattern < 65536; pattern++) {
      const value = s.f16Value(pattern)
      if (Number.isNaN(value)) expect(Number.isNaN(s.f16Value(s.f16Bits(value)))).toBe(true)
      else expect(s.f16Bits(value)).toBe(pattern)
    }
    expect(s.f16Bits(1 + 2 ** -11)).toBe(s.f16Bits(1))
    expect(s.f16Bits(1 + 3 * 2 ** -11)).toBe(s.f16Bits(1 + 2 ** -9))
    expect(s.f16Bits(65519)).toBe(0x7bff)
    expect(s.f16Bits(65520)).toBe(0x7c00)
    expect(s.f16Bits(2 ** -25)).toBe(0)
    expect(s.f16Bits(2 ** -25 * 1.0001)).toBe(1)
  })

  test('bfloat16 rounds to nearest even and comes back', () => {
    for (let pattern = 0; pattern < 65536; pattern++) {
      const value = s.bf16Value(pattern)
      if (!Number.isNaN(value)) expect(s.bf16Bits(value)).toBe(pattern)
    }
    expect(s.bf16Value(s.bf16Bits(1 + 2 ** -8))).toBe(1)
    expect(s.bf16Value(s.bf16Bits(1 + 3 * 2 ** -8))).toBe(1 + 2 ** -6)
  })

  test.each(['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'u8', 'bool'] as const)('%s is stored and cast', async (dtype) => {
    const x = s.tensor([0, 1, 2, 5], { device, dtype })
    const back = await s.cast(x, 'f64').data()
    expect([...back]).toEqual(dtype === 'bool' ? [0, 1, 1, 1] : [0, 1, 2, 5])
  })

  test('values of other types become elements as a cast would make them', async () => {
    const bytes = s.tensor(new Uint8Array([0, 1, 2, 255]), { device, dtype: 'bool' })
    expect([...(await bytes.data())]).toEqual([0, 1, 1, 1])
    const whole = s.tensor([1.9, -1.9, Number.NaN, Number.POSITIVE_INFINITY], { device, dtype: 'i64' })
    expect([...(await whole.data())]).toEqual([1n, -1n, 0n, 0n])
  })

  test('item() is the number, not its bits', async () => {
    for (const dtype of ['f16', 'bf16', 'i64', 'bool'] as const) expect(await s.tensor([1], { device, dtype }).item()).toBe(1)
    const large = s.tensor(BigInt64Array.of(2n ** 53n + 1n), { device, dtype: 'i64' })
    await expect(large.item()).rejects.toThrow(/does not fit a double/)
  })

  test('nothing is read from and written to a tensor without elements', async () => {
    for (const dtype of ['f64', 'f16', 'i64', 'bool'] as const) {
      const x = s.tensor([], { device, dtype, shape: [2, 0, 3] })
      x.write([])
      expect(await x.data()).toHaveLength(0)
      expect(await s.slice(s.transpose(x), 1, 1, 3).data()).toHaveLength(0)
    }
  })

  test('two float types do not mix silently, integers and booleans do', async () => {
    expect(() => s.add(iota([2], 'f32'), iota([2]))).toThrow(/f32 and f64; cast\(\)/)
    const masked = s.mul(iota([3]), s.greater(iota([3], 'i32'), 0))
    expect(masked.dtype).toBe('f64')
    expect([...(await masked.data())]).toEqual([0, 1, 2])
  })
})

describe('lifetime', () => {
  test('a scope frees what it made but not what it returns', () => {
    const fresh = new s.ReferenceBackend()
    const kept = s.scope(() => {
      const x = s.full([4], 2, { device: fresh })
      return { y: s.mul(x, x), list: [s.add(x, 1)] }
    })
    expect(fresh.memory().buffers).toBe(2)
    kept.y.dispose()
    kept.y.dispose()
    kept.list[0].dispose()
    expect(fresh.memory().buffers).toBe(0)
  })

  test('a scope frees when it throws, and refuses async bodies', () => {
    const fresh = new s.ReferenceBackend()
    const body = () => {
      s.tensor([1], { device: fresh })
      throw new RangeError('mine')
    }
    expect(() => s.scope(body)).toThrow(RangeError)
    expect(() => s.scope(async () => s.tensor([1], { device: fresh }))).toThrow(/synchronous/)
    expect(fresh.memory().buffers).toBe(0)
  })

  test('a disposed tensor says so', () => {
    const x = iota([2])
    x.dispose()
    expect(() => s.add(x, 1)).toThrow(/was disposed before this use/)
    expect(String(x)).toBe('Tensor f64[2] (disposed)')
  })

  test('a forgotten tensor is freed in the end, and reported where asked for', async () => {
    setFlagsFromString('--expose_gc')
    const collect = runInNewContext('gc') as () => void
    const fresh = new s.ReferenceBackend()
    const reports: string[] = []
    s.reportLeaks((message) => reports.push(message))
    ;(function forget() {
      s.tensor([1, 2, 3], { device: fresh })
    })()
    for (let i = 0; i < 50 && fresh.memory().buffers > 0; i++) {
      collect()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    s.reportLeaks(undefined)
    expect(fresh.memory().buffers).toBe(0)
    expect(reports.filter((r) => r.includes('f32[3]') && r.includes('forget'))).toHaveLength(1)
  })

  test('devices do not mix', () => {
    const other = s.tensor([1, 2], { device: new s.ReferenceBackend(), dtype: 'f64' })
    expect(() => s.add(iota([2]), other)).toThrow(/two devices/)
  })

  test('an op without kernel names itself, its inputs and the device', () => {
    const op: s.Op = { name: 'mystery', infer: ([x]) => [x], flops: () => 0 }
    expect(() => s.apply1(op, [iota([2, 3])], {})).toThrow(
      'mystery(f64[2, 3]) has no kernel on reference and no decomposition: op "mystery" has no reference implementation',
    )
    const mine: s.Op = { ...op, reference: ([x]) => [x.data.map((v) => v + 1)] }
    const mineToo = new s.ReferenceBackend({ ops: [mine] })
    expect(s.apply1(mine, [s.tensor([1], { device: mineToo })], {}).shape).toEqual([1])
  })
})

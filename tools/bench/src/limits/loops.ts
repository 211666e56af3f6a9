/**
 * The two loops that the machine's limits are measured with, as WebAssembly bytes. They are written out here, apart from
 * any backend, so that what is measured and what it is measured against share no code.
 */

const i32 = 0x7f
const f32 = 0x7d
const v128 = 0x7b

const op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  brIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  i32Const: (value: number) => [0x41, ...signed(value)],
  f32Const: (value: number) => [0x43, ...new Uint8Array(new Float32Array([value]).buffer)],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  splat: [0xfd, 0x13],
  add: [0xfd, 0xe4, 0x01],
  mul: [0xfd, 0xe6, 0x01],
  relaxedMadd: [0xfd, 0x85, 0x02],
  firstLane: [0xfd, 0x1f, 0x00],
  load: (offset: number) => [0xfd, 0x00, 0x04, ...unsigned(offset)],
  store: (offset: number) => [0xfd, 0x0b, 0x04, ...unsigned(offset)],
}

/**
 * `block(iterations)`: each iteration does one multiply-add on each of `chains` vectors of four, in registers only. Each
 * chain depends on itself, so nothing can be taken out of the loop; with enough chains that hides the latency.
 */
export function multiplyAddLoop(chains: number, fused: boolean): Uint8Array<ArrayBuffer> {
  const [factor, term] = [1, 2]
  const sums = Array.from({ length: chains }, (_, i) => 3 + i)
  const step = (sum: number): number[] =>
    fused
      ? [...op.get(sum), ...op.get(factor), ...op.get(term), ...op.relaxedMadd]
      : [...op.get(sum), ...op.get(factor), ...op.mul, ...op.get(term), ...op.add]
  return oneFunction(
    { params: [i32], results: [f32], locals: sums.length + 2 },
    [
      ...op.f32Const(0.999),
      ...op.splat,
      ...op.set(factor),
      ...op.f32Const(0.001),
      ...op.splat,
      ...op.set(term),
      ...sums.flatMap((sum) => [...op.f32Const(sum), ...op.splat, ...op.set(sum)]),
      ...op.loop,
      ...sums.flatMap((sum) => [...step(sum), ...op.set(sum)]),
      ...countDown(),
      ...op.end,
      ...op.get(sums[0]),
      ...sums.slice(1).flatMap((sum) => [...op.get(sum), ...op.add]),
      ...op.firstLane,
    ],
    1,
  )
}

/** Elements of each of the triad's arrays: together three times 32 MiB, beyond the caches. */
export const triadElements = 8 * 2 ** 20
/** Bytes that one pass over the arrays reads and writes. */
export const triadBytes = 3 * 4 * triadElements
/** Vectors that one iteration of the triad handles. */
const unroll = 4

/** `block(iterations, at)`: `a[i] = b[i] + s · c[i]` (STREAM's triad) for 16 elements an iteration, from byte `at` on. */
export function triadLoop(): Uint8Array<ArrayBuffer> {
  const [at, scale] = [1, 2]
  const array = (k: number, vector: number): number => k * 4 * triadElements + 16 * vector
  const vectors = Array.from({ length: unroll }, (_, i) => i)
  return oneFunction(
    { params: [i32, i32], results: [], locals: 1 },
    [
      ...op.f32Const(3),
      ...op.splat,
      ...op.set(scale),
      ...op.loop,
      ...vectors.flatMap((v) => [
        ...op.get(at),
        ...op.get(at),
        ...op.load(array(1, v)),
        ...op.get(at),
        ...op.load(array(2, v)),
        ...op.get(scale),
        ...op.mul,
        ...op.add,
        ...op.store(array(0, v)),
      ]),
      ...op.get(at),
      ...op.i32Const(16 * unroll),
      ...op.i32Add,
      ...op.set(at),
      ...countDown(),
      ...op.end,
    ],
    triadBytes / 65536,
  )
}

export const triadIterations = triadElements / (4 * unroll)

/** Whether the engine takes the fused multiply-add. Ask before anything else is compiled: Node 20 needs a flag first. */
export const takesFused = (): boolean => WebAssembly.validate(multiplyAddLoop(1, true))

/** Local 0 counts the iterations left. */
const countDown = (): number[] => [...op.get(0), ...op.i32Const(1), ...op.i32Sub, ...op.tee(0), ...op.brIf(0)]

interface Signature {
  readonly params: readonly number[]
  readonly results: readonly number[]
  /** Vectors. */
  readonly locals: number
}

/** A module that exports its only function as `block`, over a memory of its own. */
function oneFunction({ params, results, locals }: Signature, code: readonly number[], pages: number): Uint8Array<ArrayBuffer> {
  const body = [1, locals, v128, ...code, ...op.end]
  const section = (id: number, bytes: readonly number[]): number[] => [id, ...unsigned(bytes.length), ...bytes]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, params.length, ...params, results.length, ...results]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(pages)]),
    ...section(7, [1, 5, ...Buffer.from('block'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ])
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low + 128 : low)
  } while (rest > 0)
  return bytes
}

/** LEB128 of a small number from 0 on. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value % 128) + 128, Math.floor(value / 128)]
}

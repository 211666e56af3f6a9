/**
 * Inverse cosine transform of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in 13-bit fixed point with two extra bits between the passes:
 * the accurate integer transform of libjpeg, so that the samples equal Pillow's. Constants are round(c * 2^13).
 */
const C_0_298 = 2446
const C_0_390 = 3196
const C_0_541 = 4433
const C_0_765 = 6270
const C_0_899 = 7373
const C_1_175 = 9633
const C_1_501 = 12299
const C_1_847 = 15137
const C_1_961 = 16069
const C_2_053 = 16819
const C_2_562 = 20995
const C_3_072 = 25172

const CONST_BITS = 13
const PASS_BITS = 2

const work = new Int32Array(64)

/** Transforms the eight numbers of `work` that start at `vector` and lie `stride` apart, in place, and rounds `shift` bits away. */
function transform8(vector: number, stride: number, shift: number): void {
  const i1 = vector + stride
  const i2 = i1 + stride
  const i3 = i2 + stride
  const i4 = i3 + stride
  const i5 = i4 + stride
  const i6 = i5 + stride
  const i7 = i6 + stride

  const s0 = work[vector]!
  const s2 = work[i2]!
  const s4 = work[i4]!
  const s6 = work[i6]!
  const e = Math.imul(s2 + s6, C_0_541)
  const e2 = e - Math.imul(s6, C_1_847)
  const e3 = e + Math.imul(s2, C_0_765)
  const round = 1 << (shift - 1)
  const e0 = ((s0 + s4) << CONST_BITS) + round
  const e1 = ((s0 - s4) << CONST_BITS) + round
  const t0 = e0 + e3
  const t3 = e0 - e3
  const t1 = e1 + e2
  const t2 = e1 - e2

  const s1 = work[i1]!
  const s3 = work[i3]!
  const s5 = work[i5]!
  const s7 = work[i7]!
  const z5 = Math.imul(s7 + s3 + s5 + s1, C_1_175)
  const z1 = Math.imul(s7 + s1, -C_0_899)
  const z2 = Math.imul(s5 + s3, -C_2_562)
  const z3 = Math.imul(s7 + s3, -C_1_961) + z5
  const z4 = Math.imul(s5 + s1, -C_0_390) + z5
  const o0 = Math.imul(s7, C_0_298) + z1 + z3
  const o1 = Math.imul(s5, C_2_053) + z2 + z4
  const o2 = Math.imul(s3, C_3_072) + z2 + z3
  const o3 = Math.imul(s1, C_1_501) + z1 + z4

  work[vector] = (t0 + o3) >> shift
  work[i7] = (t0 - o3) >> shift
  work[i1] = (t1 + o2) >> shift
  work[i6] = (t1 - o2) >> shift
  work[i2] = (t2 + o1) >> shift
  work[i5] = (t2 - o1) >> shift
  work[i3] = (t3 + o0) >> shift
  work[i4] = (t3 - o0) >> shift
}

/**
 * Dequantizes the block at `offset` of `coefficients` (row-major) and writes its 8 x 8 samples, clipped, at `at` of `plane`.
 *
 * @param flat Only the DC coefficient is not zero.
 */
export function inverseDct(
  coefficients: Int16Array,
  offset: number,
  quant: Uint16Array,
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  flat: boolean,
): void {
  if (flat) {
    const value = ((((coefficients[offset]! * quant[0]!) << PASS_BITS) + 16) >> (PASS_BITS + 3)) + 128
    for (let y = 0; y < 8; y++) plane.fill(value, at + y * stride, at + y * stride + 8)
    return
  }
  for (let i = 0; i < 64; i++) work[i] = coefficients[offset + i]! * quant[i]!
  for (let x = 0; x < 8; x++) {
    if (work[x + 8]! | work[x + 16]! | work[x + 24]! | work[x + 32]! | work[x + 40]! | work[x + 48]! | work[x + 56]!) {
      transform8(x, 8, CONST_BITS - PASS_BITS)
    } else {
      const dc = work[x]! << PASS_BITS
      for (let y = x; y < 64; y += 8) work[y] = dc
    }
  }
  for (let y = 0, d = at; y < 64; y += 8, d += stride) {
    transform8(y, 1, CONST_BITS + PASS_BITS + 3)
    for (let x = 0; x < 8; x++) plane[d + x] = work[y + x]! + 128
  }
}

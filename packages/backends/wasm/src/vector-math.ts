import { callFor, type FunctionBuilder, f32, f32x4, f64, i32x4, type Local, type Value, v128 } from './assembler/index.js'
import type { KernelBuilder } from './kernel.js'

/**
 * Elementary functions on four f32 lanes. Polynomials are minimax fits for the intervals named; errors are the largest
 * found over all tested arguments, in units in the last place.
 */
type Vector = Value<'v128'>
type VectorFunction = (k: KernelBuilder, f: FunctionBuilder, x: Vector) => Vector

/**
 * c[0] + c[1] x + c[2] x² + …, pairs first and then pairs of pairs (Estrin): a processor keeps only two or three vectors
 * in flight here, so that the length of the chain decides.
 */
function polynomial(k: KernelBuilder, f: FunctionBuilder, x: Local<'v128'>, coefficients: readonly number[]): Vector {
  let terms: Vector[] = coefficients.map((c) => k.splat(c))
  let power = x
  while (terms.length > 1) {
    if (terms.length < coefficients.length) power = f.let(f32x4.mul(power, power))
    const pairs: Vector[] = []
    for (let i = 0; i < terms.length; i += 2) pairs.push(i + 1 < terms.length ? k.madd(terms[i + 1], power, terms[i]) : terms[i])
    terms = pairs
  }
  return terms[0]
}

/** The same from the last coefficient on (Horner): fewer instructions, for where several vectors hide the latency. */
function horner(k: KernelBuilder, x: Local<'v128'>, coefficients: readonly number[]): Vector {
  return coefficients.slice(0, -1).reduceRight((p, c) => k.madd(p, x, k.splat(c)), k.splat(coefficients[coefficients.length - 1]))
}

const signBit = -0x80000000

// Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
const roundingBias = 12582912

// ln 2 in two parts, the first with so few bits that its product with an exponent is exact (Cody and Waite).
const ln2High = 0.693359375
const ln2Low = -2.121944400546906e-4

/** eˣ, 1 ulp; denormal results included. */
export const exp: VectorFunction = (k, f, x) => {
  const clamped = f.let(f32x4.pmax(f32x4.pmin(x, k.splat(89)), k.splat(-104)))
  const magic = roundingBias
  const shifted = f.let(k.madd(clamped, k.splat(Math.LOG2E), k.splat(magic)))
  const n = f.let(f32x4.sub(shifted, k.splat(magic)))
  const r = f.let(f32x4.sub(f32x4.sub(clamped, f32x4.mul(n, k.splat(ln2High))), f32x4.mul(n, k.splat(ln2Low))))
  // (eʳ - 1 - r) / r² on |r| ≤ ln 2 / 2
  const q = polynomial(
    k,
    f,
    r,
    [0.49999993346432414, 0.16666519130024474, 0.041668405723979125, 0.00836889868068007, 0.0013814221760112693],
  )
  const p = f32x4.add(k.madd(q, f32x4.mul(r, r), r), k.splat(1))
  // 2ⁿ in two factors: one alone would leave the range of normal numbers where the result does not.
  const integer = f.let(i32x4.sub(shifted, k.splat(magic)))
  const half = f.let(i32x4.shr_s(integer, 1))
  const power = (e: Vector) => i32x4.shl(i32x4.add(e, k.splatBits(127)), 23)
  return f32x4.mul(f32x4.mul(p, power(half)), power(i32x4.sub(integer, half)))
}

/**
 * 2ˣ, within 1.2·10⁻⁷ of it, in half the instructions of `exp`, several vectors step by step together. Zero, infinity and
 * NaN are exact; below 2⁻¹²⁶ the few bits of a denormal are not. Without `limited`, for exponents up to 126 either way.
 */
export function decayFactors(
  k: KernelBuilder,
  f: FunctionBuilder,
  { limited = true }: { readonly limited?: boolean } = {},
): (exponents: readonly Local<'v128'>[]) => Local<'v128'>[] {
  const magic = k.splat(roundingBias)
  // On |r| ≤ ½, exactly 1 at 0: a factor near 1 is multiplied many times over.
  const coefficients = [
    1, 0.6931470036506653, 0.24022242426872253, 0.05550701171159744, 0.009671514853835106, 0.0013271116185933352,
  ]
  const each = (xs: readonly Local<'v128'>[], change: (x: Local<'v128'>, i: number) => Vector) =>
    xs.map((x, i) => f.let(change(x, i)))
  return (exponents) => {
    // 2⁻¹²⁷ and 2¹²⁸ have the exponent bits of zero and infinity.
    const xs = limited ? each(exponents, (x) => f32x4.pmin(f32x4.pmax(x, k.splat(-127)), k.splat(128))) : exponents
    const shifted = each(xs, (x) => f32x4.add(x, magic))
    const r = each(shifted, (x, i) => f32x4.sub(xs[i], f32x4.sub(x, magic)))
    const p = each(r, (x) => horner(k, x, coefficients))
    return each(p, (x, i) => i32x4.add(x, i32x4.shl(shifted[i], 23)))
  }
}

/** 2ˣ for one vector. */
export const decayFactor: VectorFunction = (k, f, x) => decayFactors(k, f)([f.let(x)])[0]

/** ln x, 1 ulp. */
export const log: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const denormal = f.let(f32x4.lt(x, k.splat(2 ** -126)))
  const scaled = v128.bitselect(f32x4.mul(x, k.splat(2 ** 23)), x, denormal)
  // x = 2ᵉ m with √½ ≤ m < √2.
  const rootHalf = 0x3f3504f3
  const bits = f.let(i32x4.sub(scaled, k.splatBits(rootHalf)))
  const e = f.let(f32x4.sub(f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23)), v128.and(denormal, k.splat(23))))
  const m = f.let(f32x4.sub(i32x4.add(v128.and(bits, k.splatBits(0x7fffff)), k.splatBits(rootHalf)), k.splat(1)))
  const square = f.let(f32x4.mul(m, m))
  // (ln(1 + m) - m + m² / 2) / m³
  const q = polynomial(
    k,
    f,
    m,
    [
      0.3333331131198826, -0.25000007777752437, 0.20002216402002057, -0.16668187493814363, 0.14217544969455256,
      -0.12400541425021527, 0.11898876280545312, -0.11713113278017953, 0.06768552998123441,
    ],
  )
  const tail = k.madd(e, k.splat(ln2Low), f32x4.mul(f32x4.mul(q, m), square))
  const rest = f32x4.sub(tail, f32x4.mul(square, k.splat(0.5)))
  const result = k.madd(e, k.splat(ln2High), f32x4.add(m, rest))
  const infinity = k.splat(Number.POSITIVE_INFINITY)
  const ordinary = v128.and(f32x4.gt(x, k.splat(0)), f32x4.lt(x, infinity))
  const zero = v128.bitselect(k.splat(Number.NEGATIVE_INFINITY), k.splat(Number.NaN), f32x4.eq(x, k.splat(0)))
  return v128.bitselect(result, v128.bitselect(x, zero, f32x4.eq(x, infinity)), ordinary)
}

/** ln(1 + x), 2 ulp: the logarithm of the rounded sum, then what rounding took away. */
export const log1p: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const sum = f.let(f32x4.add(x, k.splat(1)))
  const lost = f32x4.sub(x, f32x4.sub(sum, k.splat(1)))
  const result = f32x4.add(log(k, f, sum), f32x4.div(lost, sum))
  const itself = v128.or(f32x4.eq(x, k.splat(0)), f32x4.eq(x, k.splat(Number.POSITIVE_INFINITY)))
  // At -1 the correction is 0 / 0.
  const infinite = f32x4.eq(sum, k.splat(0))
  return v128.bitselect(x, v128.bitselect(k.splat(Number.NEGATIVE_INFINITY), result, infinite), itself)
}

/** eˣ for -87.5 ≤ x ≤ 88.3, 1 ulp, in half the instructions of `exp`. */
const boundedExp: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const shifted = f.let(k.madd(x, k.splat(Math.LOG2E), k.splat(roundingBias)))
  const n = f.let(f32x4.sub(shifted, k.splat(roundingBias)))
  const r = f.let(k.madd(n, k.splat(-ln2Low), k.madd(n, k.splat(-ln2High), x)))
  // On |r| ≤ ln 2 / 2
  const p = horner(k, r, [1, 1, 0.5, 0.1666664481163025, 0.04167125001549721, 0.008359112776815891, 0.0013538763159886003])
  return i32x4.add(p, i32x4.shl(shifted, 23))
}

/** 1 / (1 + e⁻ˣ), 2.5 ulp; 0 below e⁻⁸⁸, where only denormals are left. */
export const sigmoid: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  // e⁻ˣ as in `boundedExp`, of the negative remainder.
  const bounded = f.let(f32x4.pmin(x, k.splat(87)))
  const shifted = f.let(k.madd(bounded, k.splat(-Math.LOG2E), k.splat(roundingBias)))
  const n = f.let(f32x4.sub(shifted, k.splat(roundingBias)))
  const r = f.let(k.madd(n, k.splat(ln2Low), k.madd(n, k.splat(ln2High), bounded)))
  const p = horner(k, r, [1, -1, 0.5, -0.1666664481163025, 0.04167125001549721, -0.008359112776815891, 0.0013538763159886003])
  const e = i32x4.add(p, i32x4.shl(shifted, 23))
  const result = f32x4.div(k.splat(1), f32x4.add(e, k.splat(1)))
  return v128.andnot(result, f32x4.lt(x, k.splat(-88)))
}

/** ln(1 + eˣ), 2 ulp: max(x, 0) + ln(1 + e^-|x|). */
export const softplus: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const t = f.let(boundedExp(k, f, f32x4.pmax(v128.or(x, k.splatBits(signBit)), k.splat(-87.5))))
  // ln(1 + t) / t on 0 ≤ t ≤ 1
  const q = horner(
    k,
    t,
    [
      1, -0.4999997913837433, 0.3333211839199066, -0.24976399540901184, 0.19786487519741058, -0.15602466464042664,
      0.11057574301958084, -0.060899101197719574, 0.021650172770023346, -0.0035772332921624184,
    ],
  )
  return k.madd(q, t, f32x4.pmax(x, k.splat(0)))
}

/** tanh x, 2 ulp. */
export const tanh: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const a = f.let(f32x4.abs(x))
  const square = f.let(f32x4.mul(x, x))
  // (tanh x / x - 1) / x² on |x| < 0.625
  const q = polynomial(
    k,
    f,
    square,
    [-0.33333283925435786, 0.13331491290066722, -0.053743498288490274, 0.02065058786856214, -0.005717045612103405],
  )
  const near = k.madd(f32x4.mul(q, square), x, x)
  const e = exp(k, f, f32x4.add(a, a))
  const far = f32x4.sub(k.splat(1), f32x4.div(k.splat(2), f32x4.add(e, k.splat(1))))
  // The sign goes onto both: it would be lost in adding up zeros.
  return v128.or(v128.bitselect(near, far, f32x4.lt(a, k.splat(0.625))), signOf(k, x))
}

/** The error function, 2 ulp, 1e-7 absolute: a polynomial near 0, 1 - p(|x|)⁴ beyond. No division, no exponential. */
export const erf: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const a = f.let(f32x4.abs(x))
  const square = f.let(f32x4.mul(x, x))
  // erf x / x - 1 on |x| < 1.05
  const q = polynomial(
    k,
    f,
    square,
    [
      0.12837916446900305, -0.37612616176442204, 0.1128346645448618, -0.02684851633129746, 0.005177724455739732,
      -0.0007912933517393475, 7.521030556625518e-5,
    ],
  )
  const near = k.madd(q, x, x)
  // erfc(1 + y)^¼ up to 1 + y = 4, where erf rounds to 1.
  const y = f.let(f32x4.sub(f32x4.pmin(a, k.splat(4)), k.splat(1)))
  const p = f.let(
    polynomial(
      k,
      f,
      y,
      [
        0.6297697424888611, -0.4154932200908661, 0.004399518482387066, 0.050486162304878235, -0.0030143235344439745,
        -0.006351056508719921, 0.0018922783201560378, -0.00016694270016159862,
      ],
    ),
  )
  const p2 = f.let(f32x4.mul(p, p))
  const far = f32x4.sub(k.splat(1), f32x4.mul(p2, p2))
  return v128.bitselect(near, v128.or(far, signOf(k, x)), f32x4.lt(a, k.splat(1.05)))
}

/** -1, 0 or 1; NaN, 0 and -0 stay as they are. */
export const sign: VectorFunction = (k, f, argument) => {
  const x = f.let(argument)
  const zero = k.splat(0)
  return v128.bitselect(v128.or(k.splat(1), signOf(k, x)), x, v128.or(f32x4.lt(x, zero), f32x4.gt(x, zero)))
}

const signOf = (k: KernelBuilder, x: Vector): Vector => v128.and(x, k.splatBits(signBit))

/** Lane by lane through the engine's own function in doubles: correctly rounded for practical purposes, and slow. */
const byLane =
  (name: 'sin' | 'cos' | 'pow') =>
  (k: KernelBuilder, f: FunctionBuilder, ...vectors: Vector[]): Vector => {
    const target = k.module.import('Math', name, new Array<'f64'>(vectors.length).fill('f64'), 'f64')
    const args = vectors.map((x) => f.let(x))
    const result = f.let(f32x4.const(0))
    for (const lane of [0, 1, 2, 3]) {
      const values = args.map((x) => f64.promote_f32(f32x4.extract(x, lane)))
      f.set(result, f32x4.replace(result, lane, f32.demote_f64(callFor('f64', target, ...values))))
    }
    return result
  }

export const sin: VectorFunction = byLane('sin')
export const cos: VectorFunction = byLane('cos')
const generalPow = byLane('pow')

export function pow(k: KernelBuilder, f: FunctionBuilder, base: Vector, exponent: Vector): Vector {
  const [x, y] = [f.let(base), f.let(exponent)]
  // JavaScript alone says that 1 ** NaN and (±1) ** ±Infinity are NaN.
  const endless = f32x4.eq(f32x4.abs(y), k.splat(Number.POSITIVE_INFINITY))
  const one = v128.or(f32x4.eq(x, k.splat(1)), v128.and(f32x4.eq(x, k.splat(-1)), endless))
  return v128.bitselect(k.splat(1), generalPow(k, f, x, y), one)
}

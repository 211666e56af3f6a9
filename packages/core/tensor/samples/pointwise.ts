import {
  abs,
  add,
  type BinaryName,
  binaryValue,
  clamp,
  div,
  equal,
  expression,
  gelu,
  geluTanh,
  less,
  maximum,
  mul,
  neg,
  pointwise,
  pow,
  relu,
  rsqrt,
  silu,
  softplus,
  sqrt,
  sub,
  type Tensor,
  type UnaryName,
  unaryValue,
  where,
} from '@scanline/tensor'
import { awkwardLengths, type Fill, of, type Sample, specialValues, type Tolerance } from './sample.js'

const within = (element: number, floor: Tolerance['floor'], reason: string): Tolerance => ({
  l2: element,
  element,
  floor,
  reason,
})
const exact = within(0, 1, 'no rounding')
const rounded = within(1.2e-7, 0, 'one rounding')
const nearly = within(3e-7, 0, 'two and a half units in the last place, what WGSL asks of a division')
const estimated = (floor: number) => within(2e-6, floor, 'a polynomial in f32; below the floor the error is absolute')

interface Primitive {
  readonly tolerance: Tolerance
  /** Where gradients are taken; none for functions of steps. */
  readonly smooth?: Fill
}

/** Every function of one number, with the accuracy that is asked of it. */
const unaryPrimitives: Readonly<Record<UnaryName, Primitive>> = {
  neg: { tolerance: exact, smooth: 'normal' },
  abs: { tolerance: exact, smooth: 'normal' },
  sqrt: { tolerance: nearly, smooth: 'positive' },
  exp: { tolerance: estimated(0), smooth: 'normal' },
  log: { tolerance: estimated(0.1), smooth: 'positive' },
  log1p: { tolerance: estimated(0), smooth: 'positive' },
  floor: { tolerance: exact },
  ceil: { tolerance: exact },
  sin: { tolerance: within(1e-6, 1, 'reducing the argument loses relative accuracy at multiples of π'), smooth: 'normal' },
  cos: { tolerance: within(1e-6, 1, 'reducing the argument loses relative accuracy at odd multiples of π/2'), smooth: 'normal' },
  tanh: { tolerance: estimated(0.1), smooth: 'normal' },
  erf: { tolerance: estimated(0.1), smooth: 'normal' },
  sigmoid: { tolerance: estimated(0), smooth: 'normal' },
  sign: { tolerance: exact },
}

const binaryPrimitives: Readonly<Record<BinaryName, Primitive>> = {
  add: { tolerance: rounded, smooth: 'normal' },
  sub: { tolerance: rounded, smooth: 'normal' },
  mul: { tolerance: rounded, smooth: 'normal' },
  div: { tolerance: nearly, smooth: 'positive' },
  min: { tolerance: exact, smooth: 'normal' },
  max: { tolerance: exact, smooth: 'normal' },
  pow: { tolerance: within(1e-5, 0, 'exp2(y log2 x) multiplies the error of the logarithm by y'), smooth: 'positive' },
  lt: { tolerance: exact },
  le: { tolerance: exact },
  eq: { tolerance: exact },
}

const unary = (name: UnaryName) => expression((e) => e.unary(name, e.input(0)))
const binary = (name: BinaryName) => expression((e) => e.binary(name, e.input(0), e.input(1)))

// Around every branch that an implementation may take: exp overflows at 88.7 and is denormal below -87.3, erf is 1 in
// f32 from 3.92, halves for floor and ceil.
const turningPoints = [
  88.5, 88.8, -87, -88, -100, -104, 3.9, -4, 0.84375, 1.25, 2.857, 0.5, -0.5, 1.5, 20.5, -20.5, 100, 1e-4, 1e-8,
]

const unarySamples: Sample[] = (Object.keys(unaryValue) as UnaryName[]).flatMap((name) => {
  const { tolerance, smooth } = unaryPrimitives[name]
  const run = (x: Tensor) => pointwise(unary(name), [x])
  return [
    {
      op: 'pointwise',
      name,
      inputs: [of([197], { fill: smooth ?? 'normal' })],
      run,
      tolerance,
      ...(smooth ? {} : { noGradient: 'a function of steps' }),
    },
    { op: 'pointwise', name: `${name} of special values`, inputs: [of([29], { fill: 'special' })], run, tolerance },
    {
      op: 'pointwise',
      name: `${name} at turning points`,
      inputs: [of([turningPoints.length], { fill: turningPoints })],
      run,
      tolerance,
      noGradient: 'kinks and overflow',
    },
    { op: 'pointwise', name: `${name} of denormals`, inputs: [of([9], { fill: 'denormal' })], run, tolerance },
  ]
})

const binarySamples: Sample[] = (Object.keys(binaryValue) as BinaryName[]).flatMap((name) => {
  const { tolerance, smooth } = binaryPrimitives[name]
  const run = (x: Tensor, y: Tensor) => pointwise(binary(name), [x, y])
  const special = { fill: specialValues }
  return [
    {
      op: 'pointwise',
      name,
      inputs: [of([197], { fill: smooth ?? 'normal' }), of([197], { fill: smooth ?? 'normal' })],
      run,
      tolerance,
      ...(smooth ? {} : { noGradient: 'a function of steps' }),
    },
    {
      op: 'pointwise',
      name: `${name} of every pair of special values`,
      inputs: [of([specialValues.length, 1], special), of([specialValues.length], special)],
      run,
      tolerance,
      noGradient: 'special values',
    },
  ]
})

const swish = expression((e) => e.binary('mul', e.input(0), e.unary('sigmoid', e.input(1))))
const twoRoundings = within(5e-6, 'rms', 'a few roundings, and cancellation where the parts are opposite')

const views: Sample[] = [
  {
    op: 'pointwise',
    name: 'sliced and contiguous',
    inputs: [of([7, 9], { view: 'sliced' }), of([7, 9])],
    run: (a, b) => mul(a, b),
  },
  {
    op: 'pointwise',
    name: 'transposed and contiguous',
    inputs: [of([17, 9], { view: 'transposed' }), of([17, 9])],
    run: (a, b) => add(a, b),
  },
  {
    op: 'pointwise',
    name: 'both permuted',
    inputs: [of([3, 4, 5], { view: 'permuted' }), of([3, 4, 5], { view: 'permuted' })],
    run: (a, b) => sub(a, b),
  },
  {
    op: 'pointwise',
    name: 'every other element',
    inputs: [of([3, 33], { view: 'strided' }), of([3, 33], { view: 'offset' })],
    run: (a, b) => mul(a, b),
  },
  { op: 'pointwise', name: 'bias over channels', inputs: [of([2, 3, 5, 24]), of([24])], run: (x, b) => add(x, b) },
  { op: 'pointwise', name: 'bias over 341 channels', inputs: [of([3, 341]), of([341])], run: (x, b) => add(x, b) },
  { op: 'pointwise', name: 'a number for each row', inputs: [of([7, 9]), of([7, 1])], run: (x, b) => mul(x, b) },
  { op: 'pointwise', name: 'a number for each batch', inputs: [of([3, 1, 1, 1]), of([3, 2, 2, 5])], run: (x, b) => mul(x, b) },
  { op: 'pointwise', name: 'outer product', inputs: [of([9, 1]), of([1, 7])], run: (a, b) => mul(a, b) },
  { op: 'pointwise', name: 'broadcasts on both sides', inputs: [of([3, 1, 5]), of([4, 1])], run: (a, b) => add(a, b) },
  { op: 'pointwise', name: 'a single number', inputs: [of([197]), of([])], run: (x, b) => mul(x, b) },
  { op: 'pointwise', name: 'six axes', inputs: [of([2, 1, 3, 1, 2, 3]), of([1, 2, 1, 2, 1, 3])], run: (a, b) => add(a, b) },
  { op: 'pointwise', name: 'one tensor twice', inputs: [of([31])], run: (x) => mul(x, x) },
]

/** 1 / x tells -0 from 0. */
const signOfZero = (name: string, f: (x: Tensor) => Tensor): Sample => ({
  op: 'pointwise',
  name: `sign of zero: ${name}`,
  inputs: [of([8], { fill: [0, -0, -0.25, 0.25] })],
  run: (x) => div(1, f(x)),
  noGradient: 'infinities',
})

export const pointwiseSamples: readonly Sample[] = [
  ...unarySamples,
  ...binarySamples,
  ...awkwardLengths.map((n): Sample => ({ op: 'pointwise', name: `gelu of ${n}`, inputs: [of([n])], run: (x) => gelu(x) })),
  ...awkwardLengths.map(
    (n): Sample => ({
      op: 'pointwise',
      name: `two operands of ${n}`,
      inputs: [of([n]), of([n])],
      run: (a, b) => pointwise(swish, [a, b]),
    }),
  ),
  ...views,
  { op: 'pointwise', name: 'gelu of special values', inputs: [of([29], { fill: 'special' })], run: (x) => gelu(x) },
  { op: 'pointwise', name: 'gelu by tanh', inputs: [of([33])], run: (x) => geluTanh(x) },
  { op: 'pointwise', name: 'silu', inputs: [of([33])], run: (x) => silu(x) },
  { op: 'pointwise', name: 'silu of special values', inputs: [of([29], { fill: 'special' })], run: (x) => silu(x) },
  { op: 'pointwise', name: 'relu', inputs: [of([33])], run: (x) => relu(x) },
  { op: 'pointwise', name: 'relu of special values', inputs: [of([29], { fill: 'special' })], run: (x) => relu(x) },
  { op: 'pointwise', name: 'softplus', inputs: [of([33])], run: (x) => softplus(x) },
  {
    op: 'pointwise',
    name: 'softplus around 20',
    inputs: [of([5], { fill: [19.99, 20, 20.01, -20, -90] })],
    run: (x) => softplus(x),
  },
  { op: 'pointwise', name: 'rsqrt', inputs: [of([33], { fill: 'positive' })], run: (x) => rsqrt(x) },
  { op: 'pointwise', name: 'clamp', inputs: [of([33])], run: (x) => clamp(x, -0.5, 0.75) },
  {
    op: 'pointwise',
    name: 'clamp to infinities',
    inputs: [of([29], { fill: 'special' })],
    run: (x) => [clamp(x, Number.NEGATIVE_INFINITY, 0), clamp(x, 0, Number.POSITIVE_INFINITY)],
  },
  {
    op: 'pointwise',
    name: 'constants that differ by a sign of zero, NaN or infinity',
    inputs: [of([5], { fill: [1, 2, -3] })],
    run: (x) => [div(1, mul(x, 0)), div(1, mul(x, -0)), add(x, Number.NaN), add(x, Number.POSITIVE_INFINITY)],
    noGradient: 'infinities',
  },
  signOfZero('neg', neg),
  signOfZero('abs', abs),
  signOfZero('sqrt', (x) => sqrt(mul(x, 0))),
  signOfZero('product', (x) => mul(x, -0)),
  {
    op: 'pointwise',
    name: 'comparisons to bool',
    inputs: [of([31]), of([31])],
    run: (a, b) => [less(a, b), equal(a, a)],
    noGradient: 'a function of steps',
  },
  {
    op: 'pointwise',
    name: 'select by bool',
    inputs: [of([5, 7], { dtype: 'bool', fill: [1, 0, 0] }), of([5, 7]), of([7])],
    run: (c, a, b) => where(c, a, b),
  },
  { op: 'pointwise', name: 'select by comparison', inputs: [of([33]), of([33])], run: (a, b) => where(less(a, b), mul(a, 2), b) },
  {
    op: 'pointwise',
    name: 'select by NaN and -0',
    inputs: [of([4], { fill: [Number.NaN, -0, 0, 1] }), of([4]), of([4])],
    run: (c, a, b) => where(c, a, b),
    noGradient: 'special values',
  },
  {
    op: 'pointwise',
    name: 'mask of bool times f32',
    inputs: [of([5, 7], { dtype: 'bool', fill: [1, 0, 0] }), of([5, 7])],
    run: (m, x) => mul(x, m),
  },
  {
    op: 'pointwise',
    name: 'equal of i32, as one-hot rows are made',
    inputs: [of([5, 1], { dtype: 'i32', fill: { from: 0, below: 7 } }), of([7], { dtype: 'i32', fill: [0, 1, 2, 3, 4, 5, 6] })],
    run: (a, b) => equal(a, b),
  },
  {
    op: 'pointwise',
    name: 'eight operands',
    inputs: Array.from({ length: 8 }, () => of([3, 17])),
    run: (...xs) =>
      pointwise(
        expression((e) => xs.map((_, k) => e.input(k)).reduce((a, b) => e.binary('add', a, b))),
        xs,
      ),
    tolerance: twoRoundings,
  },
  {
    op: 'pointwise',
    name: 'a long chain',
    inputs: [of([4, 9]), of([9], { fill: 'positive' })],
    run: (x, y) => maximum(add(mul(silu(x), y), pow(y, 1.5)), div(sub(x, 1), add(y, 2))),
  },
  {
    op: 'pointwise',
    name: 'i32 arithmetic',
    inputs: [of([9], { dtype: 'i32', fill: { from: -50, below: 50 } }), of([9], { dtype: 'i32', fill: { from: 1, below: 9 } })],
    run: (a, b) => [add(a, b), mul(a, b), maximum(a, b)],
    optional: 'whole-number arithmetic',
  },
  ...(['f16', 'bf16'] as const).map(
    (dtype): Sample => ({
      op: 'pointwise',
      name: `${dtype} arithmetic`,
      inputs: [of([31], { dtype }), of([31], { dtype })],
      run: (a, b) => mul(silu(a), b),
      optional: 'half precision',
    }),
  ),
]

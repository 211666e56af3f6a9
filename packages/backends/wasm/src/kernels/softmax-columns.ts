import { contiguousStrides, type Expr, sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, i32, type Local, type Operand, v128 } from '../assembler/index.js'
import { emitExpr, exprCost } from '../emit-expr.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element, offsets } from '../layout.js'
import { innermostContiguous, packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { exp } from '../vector-math.js'

interface SoftmaxColumnsParams extends Split {
  readonly length: number
  readonly columns: number
  /** Axes that pick a matrix, and along them the strides of every input, in elements. */
  readonly dims: readonly number[]
  readonly strides: readonly (readonly number[])[]
  /** Elements from a row to the next, of every input. */
  readonly rowStrides: readonly number[]
  readonly epilogue: Expr | undefined
}

/** Columns of an item: a cache line. */
const group = 16
/** Rows that are summed before their sum is added to the total, which keeps rounding errors small. */
const stretch = 32

/** Softmax along the rows of matrices: three passes over a group of columns, which stays in cache. */
export const softmaxColumns = defineKernel<SoftmaxColumnsParams>({
  name: 'softmaxColumns',
  op: 'softmaxColumns',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const [x] = call.inputs
    const [length, columns] = x.shape.slice(-2)
    const dims = x.shape.slice(0, -2)
    const strides = call.inputs.map((t) => (innermostContiguous(t) ? t.strides : contiguousStrides(t.shape)))
    const epilogue = call.attrs.epilogue as Expr | undefined
    const items = sizeOf(x.shape) === 0 ? 0 : sizeOf(dims) * Math.ceil(columns / group)
    return {
      kernel: 'softmaxColumns',
      params: {
        ...split(items, (group / 4) * length * (35 + (epilogue ? exprCost(epilogue) : 0))),
        length,
        columns,
        dims,
        strides: strides.map((s) => s.slice(0, -2)),
        rowStrides: strides.map((s) => s[s.length - 2]),
        epilogue,
      },
      ...packInputs(call.inputs, (t) => !innermostContiguous(t)),
    }
  },
  emit: (k, params) => {
    const { columns, length, dims, strides } = params
    const groups = Math.ceil(columns / group)
    return k.define(strides.length + 1, (f, pointers, { begin, end }) => {
      f.for(begin, end, 1, (item) => {
        const matrix = f.let(i32.div_u(item, groups))
        const column = f.let(i32.mul(i32.sub(item, i32.mul(matrix, groups)), group))
        const inputs = offsets(f, matrix, dims, strides).map((from, i) => f.let(element(pointers[i], i32.add(from, column), 4)))
        const output = f.let(element(pointers[strides.length], i32.add(i32.mul(matrix, length * columns), column), 4))
        const some = (count: number) => emitGroup(k, f, params, inputs, output, count)
        const rest = columns % group
        if (rest === 0) some(group)
        else if (groups === 1) some(rest)
        else
          f.if(
            i32.lt_u(column, columns - rest),
            () => some(group),
            () => some(rest),
          )
      })
    })
  },
})

function emitGroup(
  k: KernelBuilder,
  f: FunctionBuilder,
  { length, columns, rowStrides, epilogue }: SoftmaxColumnsParams,
  inputs: readonly Local<'i32'>[],
  output: Local<'i32'>,
  count: number,
): void {
  const vectors = Array.from({ length: Math.ceil(count / 4) }, (_, v) => v)
  const lanes = (v: number) => Math.min(4, count - 4 * v)
  const each = (from: Operand<'i32'>, to: Operand<'i32'>, body: (rows: Local<'i32'>[], out: Local<'i32'>) => void) =>
    f.for(from, to, 1, (row) => {
      const rows = inputs.map((input, i) => f.let(element(input, row, 4 * rowStrides[i])))
      body(rows, f.let(element(output, row, 4 * columns)))
    })
  const zero = f32x4.const(0)
  // A NaN may be passed over here: it comes back with the sum of the powers.
  const peaks = vectors.map(() => f.let<'v128'>(f32x4.const(Number.NEGATIVE_INFINITY)))
  each(0, length, ([x]) => {
    for (const [v, peak] of peaks.entries()) f.set(peak, f32x4.pmax(peak, v128.load(x, 16 * v)))
  })
  const totals = vectors.map(() => f.let<'v128'>(zero))
  const powers = (from: Operand<'i32'>, to: Operand<'i32'>) => {
    const sums = vectors.map(() => f.let<'v128'>(zero))
    each(from, to, ([x], out) => {
      for (const [v, sum] of sums.entries()) {
        const power = f.let(exp(k, f, f.let(f32x4.sub(v128.load(x, 16 * v), peaks[v]))))
        f.store.lanes(out, power, lanes(v), 16 * v)
        f.set(sum, f32x4.add(sum, power))
      }
    })
    for (const [v, total] of totals.entries()) f.set(total, f32x4.add(total, sums[v]))
  }
  const whole = length - (length % stretch)
  f.for(0, whole, stretch, (from) => powers(from, f.let(i32.add(from, stretch))))
  if (whole < length) powers(whole, length)
  const scales = totals.map((total) => f.let(f32x4.div(k.splat(1), total)))
  each(0, length, ([, ...extras], out) => {
    for (const [v, scale] of scales.entries()) {
      const weight = f.let(f32x4.mul(v128.load(out, 16 * v), scale))
      const operand = (n: number) => (n === 0 ? weight : v128.load(extras[n - 1], 16 * v))
      f.store.lanes(out, epilogue ? emitExpr(k, f, epilogue, operand) : weight, lanes(v), 16 * v)
    }
  })
}

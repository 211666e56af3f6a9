import { broadcastTo, type Expr, type ExprBuilder, expression, type Shape, type Tensor } from '@scanline/tensor'
import { of, type Sample, type SampleInput } from './sample.js'

const gelu = (e: ExprBuilder, x: number): number =>
  e.binary(
    'mul',
    e.binary('mul', x, e.const(0.5)),
    e.binary('add', e.unary('erf', e.binary('mul', x, e.const(Math.SQRT1_2))), e.const(1)),
  )

const sum = (e: ExprBuilder): number => e.binary('add', e.input(0), e.input(1))

interface Written {
  readonly name: string
  readonly expr: Expr
  /** Extra inputs: `row` has the length of the last axis, `full` the output's shape. */
  readonly extras: readonly ('row' | 'full' | 'sliced' | 'transposed')[]
}

const written: readonly Written[] = [
  { name: 'bias', expr: expression(sum), extras: ['row'] },
  { name: 'residual', expr: expression(sum), extras: ['full'] },
  { name: 'sliced residual', expr: expression(sum), extras: ['sliced'] },
  { name: 'transposed residual', expr: expression(sum), extras: ['transposed'] },
  { name: 'gelu', expr: expression((e) => gelu(e, e.input(0))), extras: [] },
  { name: 'gate', expr: expression((e) => e.binary('mul', e.input(0), e.input(1))), extras: ['sliced'] },
  { name: 'bias and gelu', expr: expression((e) => gelu(e, sum(e))), extras: ['row'] },
  {
    name: 'bias, layer scale and residual',
    expr: expression((e) => e.binary('add', e.binary('mul', sum(e), e.input(2)), e.input(3))),
    extras: ['row', 'row', 'full'],
  },
  { name: 'gate through gelu', expr: expression((e) => e.binary('mul', e.input(0), gelu(e, e.input(1)))), extras: ['full'] },
  { name: 'scale by a constant', expr: expression((e) => e.binary('mul', e.input(0), e.const(-0.125))), extras: [] },
  { name: 'the value twice', expr: expression((e) => e.binary('mul', e.input(0), e.unary('sigmoid', e.input(0)))), extras: [] },
  { name: 'an extra alone', expr: expression((e) => e.binary('add', e.input(1), e.const(1))), extras: ['full'] },
]

/** What `compile` fuses into a matmul or a convolution: an expression over its result and further tensors. */
export function epilogues(
  op: string,
  own: readonly SampleInput[],
  output: Shape,
  run: (inputs: Tensor[], epilogue: Expr) => Tensor,
): Sample[] {
  return written.map(({ name, expr, extras }) => ({
    op,
    name: `epilogue: ${name}`,
    inputs: [
      ...own,
      ...extras.map((kind) =>
        kind === 'row' ? of(output.slice(-1)) : kind === 'full' ? of(output) : of(output, { view: kind }),
      ),
    ],
    run: (...inputs) =>
      run(
        inputs.map((t, i) => (i < own.length ? t : broadcastTo(t, output))),
        expr,
      ),
    noGradient: 'an epilogue is written by fusion, after differentiation',
  }))
}

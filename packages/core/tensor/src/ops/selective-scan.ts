import { apply, apply1 } from '../dispatch.js'
import { ShapeError } from '../errors.js'
import type { Op, ValueSpec } from '../op.js'
import { formatShape, sameShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { silu } from './activation.js'
import { mul } from './arithmetic.js'
import { fullLike } from './create.js'
import { sum } from './reduce.js'
import { selectiveScanGradOp } from './selective-scan-grad.js'
import { eachChannel, type ScanAttrs, scanOperands, scanSizes } from './selective-scan-steps.js'
import { reshape } from './view.js'

/**
 * h = exp(delta a) h + delta u b, y = Σ c h + d u, gated by silu(z): section 3 of "Mamba: Linear-Time Sequence Modeling
 * with Selective State Spaces" (arXiv 2312.00752), its input discretised by Euler's rule as in the published kernels.
 */
export const selectiveScanOp: Op<ScanAttrs> = {
  name: 'selectiveScan',
  infer: (inputs, attrs) => {
    checkShapes(inputs, attrs)
    const [u, , a] = inputs
    const y = { shape: u.shape, dtype: u.dtype }
    return attrs.lastState ? [y, { shape: [u.shape[0], ...a.shape], dtype: u.dtype }] : [y]
  },
  vjp: ([gy, gState], { inputs, attrs }) => {
    const { u, a, b, z } = scanOperands(inputs, attrs)
    const { batch, length, channels, states, groups } = scanSizes(u, a, b)
    const parts = partsOf(channels / groups)
    const all = apply(selectiveScanGradOp, [...inputs, gy ?? fullLike(u, 0), ...(gState ? [gState] : [])], {
      ...attrs,
      lastState: gState !== undefined,
      parts,
    })
    const [du, dDelta, da, db, dc, dz] = all
    const shared = (g: Tensor) => reshape(sum(reshape(g, [batch, length, groups, parts, states]), [3]), b.shape)
    const gradients: (Tensor | undefined)[] = [du, dDelta, sum(da, [0]), shared(db), shared(dc)]
    // With the gate undone, y = … + d u.
    if (attrs.skip) gradients.push(gy && sum(mul(z ? mul(gy, silu(z)) : gy, u), [0, 1]))
    if (attrs.gate) gradients.push(dz)
    if (attrs.bias) gradients.push(sum(dDelta, [0, 1]))
    return gradients
  },
  reference: (inputs, attrs) => {
    const { u, a, b } = scanOperands(inputs, attrs)
    const { batch, channels, states } = scanSizes(u, a, b)
    const y = new Float64Array(u.data.length)
    const last = new Float64Array(batch * channels * states)
    eachChannel(inputs, attrs, ({ steps, rate, skip, state }) => {
      const h = last.subarray(state, state + states)
      for (const { at, delta, row, u, z } of steps()) {
        let total = skip * u
        for (let s = 0; s < states; s++) {
          h[s] = Math.exp(delta * rate[s]) * h[s] + delta * u * row.b[s]
          total += row.c[s] * h[s]
        }
        y[at] = z === undefined ? total : (total * z) / (1 + Math.exp(-z))
      }
    })
    return attrs.lastState ? [y, last] : [y]
  },
  // An exponential counts one, as every function does.
  flops: ([u, , a], _, { gate, skip, softplus }) =>
    sizeOf(u.shape) * (7 * a.shape[1] + 1 + (gate ? 3 : 0) + (skip ? 2 : 0) + (softplus ? 3 : 0)),
}

/**
 * The gradients of b and c are sums over a group's channels. They are made in this many parts, of about 64 channels, so
 * that the parts can be worked on side by side; a fixed number keeps the result independent of how many workers there are.
 */
function partsOf(channels: number): number {
  let parts = Math.max(1, Math.floor(channels / 64))
  while (channels % parts !== 0) parts--
  return parts
}

function checkShapes(inputs: readonly ValueSpec[], attrs: ScanAttrs): void {
  const { u, delta, a, b, c, d, z, deltaBias } = scanOperands(inputs, attrs)
  const fail = (what: string, wanted: string, got: ValueSpec): never => {
    throw new ShapeError(
      `selectiveScan of u ${formatShape(u.shape)} needs ${what} of shape ${wanted}, got ${formatShape(got.shape)}`,
    )
  }
  if (u.shape.length !== 3)
    throw new ShapeError(`selectiveScan needs u of shape [batch, length, channels], channels last, got ${formatShape(u.shape)}`)
  const [batch, length, channels] = u.shape
  if (a.shape.length !== 2 || a.shape[0] !== channels) fail('a', `[${channels}, states]`, a)
  for (const [name, x] of Object.entries({ delta, z })) if (x && !sameShape(x.shape, u.shape)) fail(name, 'that of u', x)
  for (const [name, x] of Object.entries({ d, deltaBias }))
    if (x && !sameShape(x.shape, [channels])) fail(name, `[${channels}]`, x)
  const states = a.shape[1]
  const groups = b.shape.length === 4 ? b.shape[2] : 1
  const fits = sameShape(b.shape, b.shape.length === 4 ? [batch, length, groups, states] : [batch, length, states])
  if (!fits || groups === 0 || channels % groups !== 0)
    fail(
      'b',
      `[${batch}, ${length}, ${states}], or [${batch}, ${length}, groups, ${states}] with groups that divide ${channels}`,
      b,
    )
  if (!sameShape(b.shape, c.shape)) fail('c', `that of b, ${formatShape(b.shape)},`, c)
}

export interface SelectiveScanOptions {
  /** [D]: adds d u to the output. */
  readonly d?: Tensor | undefined
  /** [N, L, D]: multiplies the output, d u included, by silu(z). */
  readonly z?: Tensor | undefined
  /** [D]: added to delta. */
  readonly deltaBias?: Tensor | undefined
  /** Takes softplus of delta, after the bias. Default: false. */
  readonly deltaSoftplus?: boolean | undefined
  /** Scans from the last position to the first; the output stays in the order of the input. Default: false. */
  readonly reverse?: boolean | undefined
}

function prepared(
  inputs: readonly Tensor[],
  { d, z, deltaBias, deltaSoftplus = false, reverse = false }: SelectiveScanOptions,
  lastState: boolean,
): [Tensor[], ScanAttrs] {
  const given = [d, z, deltaBias].filter((t) => t !== undefined)
  const attrs = { skip: !!d, gate: !!z, bias: !!deltaBias, softplus: deltaSoftplus, reverse, lastState }
  return [[...inputs, ...given], attrs]
}

/**
 * The scan of a selective state-space model, channels last. Each channel has a state h of S numbers, zero at first:
 *
 *     h_t = exp(delta_t a) h_{t-1} + delta_t u_t b_t        y_t = Σ c_t h_t + d u_t, times silu(z_t)
 *
 * `u`, `delta` [N, L, D]; `a` [D, S], the negative matrix itself, not its logarithm; `b`, `c` [N, L, S], or [N, L, G, S]
 * where channel k uses group floor(k / (D / G)). Throws `ShapeError`. Gu and Dao, arXiv 2312.00752.
 *
 * @example
 * const y = selectiveScan(u, delta, neg(exp(aLog)), b, c, { d, z, deltaBias, deltaSoftplus: true })
 */
export const selectiveScan = (
  u: Tensor,
  delta: Tensor,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  options: SelectiveScanOptions = {},
): Tensor => apply1(selectiveScanOp, ...prepared([u, delta, a, b, c], options, false))

/** `selectiveScan`, and the state [N, D, S] after its last step. */
export function selectiveScanWithState(
  u: Tensor,
  delta: Tensor,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  options: SelectiveScanOptions = {},
): { y: Tensor; lastState: Tensor } {
  const [y, lastState] = apply(selectiveScanOp, ...prepared([u, delta, a, b, c], options, true))
  return { y, lastState }
}

import type { Op } from '../op.js'
import { sizeOf } from '../shape.js'
import { eachChannel, type ScanAttrs, scanOperands, scanSizes } from './selective-scan-steps.js'

export type ScanGradAttrs = ScanAttrs & {
  /** Of each group's channels; the gradients of b and c come as one sum for each part. */
  readonly parts: number
}

/**
 * From the inputs of a selective scan, the gradient of its output and, with `lastState`, that of the last state: the
 * gradients of u [N, L, D], delta [N, L, D] (before bias and softplus), a [N, D, S] for each sequence, b and c
 * [N, L, G · parts, S] for each part of the channels, and of z [N, L, D] if there is a gate. States are computed again.
 */
export const selectiveScanGradOp: Op<ScanGradAttrs> = {
  name: 'selectiveScanGrad',
  infer: (inputs, attrs) => {
    const { u, a, b } = scanOperands(inputs, attrs)
    const { batch, length, channels, states, groups } = scanSizes(u, a, b)
    const sequence = { shape: u.shape, dtype: u.dtype }
    const shared = { shape: [batch, length, groups * attrs.parts, states], dtype: u.dtype }
    const rate = { shape: [batch, channels, states], dtype: u.dtype }
    return [sequence, sequence, rate, shared, shared, ...(attrs.gate ? [sequence] : [])]
  },
  reference: (inputs, attrs, outputs) => {
    const {
      u: { shape },
      a,
      b,
      rest: [gy, gState],
    } = scanOperands(inputs, attrs)
    const { length, channels, states, groups } = scanSizes({ shape }, a, b)
    const [du, dDelta, da, db, dc, dz] = outputs.map((o) => new Float64Array(sizeOf(o.shape)))
    const perPart = channels / groups / attrs.parts
    eachChannel(inputs, attrs, ({ batch, channel, steps, rate, skip, state }) => {
      const walk = steps()
      const h = new Float64Array((length + 1) * states)
      for (const [i, { delta, u, row }] of walk.entries())
        for (let s = 0; s < states; s++)
          h[(i + 1) * states + s] = Math.exp(delta * rate[s]) * h[i * states + s] + delta * u * row.b[s]
      // The gradient of h, as it comes from the steps that follow.
      const dh = gState ? gState.data.slice(state, state + states) : new Float64Array(states)
      for (let i = length - 1; i >= 0; i--) {
        const { at, delta, raw, u, z, row } = walk[i]
        const position = batch * length + (attrs.reverse ? length - 1 - i : i)
        const shared = (position * groups * attrs.parts + Math.floor(channel / perPart)) * states
        const sigmoid = z === undefined ? 1 : 1 / (1 + Math.exp(-z))
        const g = gy.data[at] * (z === undefined ? 1 : z * sigmoid)
        let y = skip * u
        let throughInput = 0
        let throughRate = 0
        for (let s = 0; s < states; s++) {
          const now = h[(i + 1) * states + s]
          y += row.c[s] * now
          dh[s] += row.c[s] * g
          const power = Math.exp(delta * rate[s])
          const kept = dh[s] * power * h[i * states + s]
          throughInput += dh[s] * row.b[s]
          throughRate += kept * rate[s]
          da[state + s] += delta * kept
          db[shared + s] += dh[s] * delta * u
          dc[shared + s] += g * now
          dh[s] *= power
        }
        du[at] = skip * g + delta * throughInput
        dDelta[at] = (throughRate + u * throughInput) * (attrs.softplus && raw <= 20 ? 1 / (1 + Math.exp(-raw)) : 1)
        if (z !== undefined) dz[at] = gy.data[at] * y * sigmoid * (1 + z * (1 - sigmoid))
      }
    })
    return attrs.gate ? [du, dDelta, da, db, dc, dz] : [du, dDelta, da, db, dc]
  },
  flops: ([u, , a]) => sizeOf(u.shape) * (24 * a.shape[1] + 16),
}

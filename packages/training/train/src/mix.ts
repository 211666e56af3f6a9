import { ArgumentError, ShapeError } from '@scanline/tensor'
import type { SampleMix } from './mix-plan.js'

/** Pictures of a batch, [N, H, W, C]: normalised floats, or bytes before normalisation. */
export type Pixels = Float32Array | Uint8Array

/**
 * Mixes a batch by a plan: sample i with sample N - 1 - i of what is given. Floats are blended in float32; bytes are
 * rounded half to even, as the loaders of MambaOut and MambaVision do. `into` is written and given back; a plan for half
 * of the samples gives that many.
 *
 * @example
 * const plan = planMix({ mixupAlpha: 0.8, cutmixAlpha: 1 }, 32, [224, 224], drawsFrom(random))
 * const images = mixImages(batch, [32, 224, 224, 3], plan)
 * const targets = mixTargets(labels, 1000, plan, 0.1)
 */
export function mixImages<P extends Pixels>(
  images: P,
  shape: readonly [number, number, number, number],
  plan: readonly SampleMix[],
  into?: P,
): P {
  const [count, height, width, channels] = shape
  const size = height * width * channels
  if (images.length !== count * size) throw new ShapeError(`${images.length} values are no batch of [${shape.join(', ')}]`)
  const Kind = images.constructor as new (length: number) => P
  const out = into ?? new Kind(plan.length * size)
  if (out === images || out.length !== plan.length * size)
    throw new ArgumentError(`mixed images need ${plan.length * size} values of their own to go to, got ${out.length}`)
  for (const [i, { share, box }] of plan.entries()) {
    const own = images.subarray(i * size, (i + 1) * size) as P
    const partner = images.subarray((count - 1 - i) * size, (count - i) * size) as P
    const target = out.subarray(i * size, (i + 1) * size) as P
    if (box || share === 1) target.set(own)
    else blend(own, partner, share, target)
    if (!box) continue
    for (let y = box.top; y < box.bottom; y++) {
      const [from, to] = [(y * width + box.left) * channels, (y * width + box.right) * channels]
      target.set(partner.subarray(from, to), from)
    }
  }
  return out
}

function blend(own: Pixels, partner: Pixels, share: number, target: Pixels): void {
  const [a, b] = [Math.fround(share), Math.fround(1 - share)]
  const bytes = target instanceof Uint8Array
  for (let i = 0; i < target.length; i++) {
    const mixed = Math.fround(Math.fround(own[i] * a) + Math.fround(partner[i] * b))
    target[i] = bytes ? roundHalfEven(mixed) : mixed
  }
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/**
 * Targets of a mixed batch, [plan.length, classes]: share · q(y) + (1 - share) · q(partner's y), where q keeps
 * smoothing / classes for every class. Without mixing (a plan of shares of 1) these are the smoothed labels.
 * Throws `ArgumentError` for a label that is none of the classes.
 */
export function mixTargets(labels: ArrayLike<number>, classes: number, plan: readonly SampleMix[], smoothing = 0): Float32Array {
  const off = Math.fround(smoothing / classes)
  const on = Math.fround(1 - smoothing + smoothing / classes)
  for (let i = 0; i < labels.length; i++)
    if (!(Number.isInteger(labels[i]) && labels[i] >= 0 && labels[i] < classes))
      throw new ArgumentError(`label ${labels[i]} of sample ${i} is none of the ${classes} classes, 0 … ${classes - 1}`)
  const targets = new Float32Array(plan.length * classes)
  for (const [i, { share }] of plan.entries()) {
    const [a, b] = [Math.fround(share), Math.fround(1 - share)]
    const [own, partner] = [labels[i], labels[labels.length - 1 - i]]
    const value = (first: number, second: number) => Math.fround(first * a) + Math.fround(second * b)
    targets.fill(value(off, off), i * classes, (i + 1) * classes)
    targets[i * classes + own] = value(on, own === partner ? on : off)
    if (own !== partner) targets[i * classes + partner] = value(off, on)
  }
  return targets
}

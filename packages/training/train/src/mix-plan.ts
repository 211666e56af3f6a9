import { ArgumentError, type Generator } from '@scanline/tensor'

export interface MixOptions {
  /** Of the beta distribution that mixup's share is drawn from; 0 for no mixup. */
  readonly mixupAlpha: number
  /** The same for cutmix. */
  readonly cutmixAlpha: number
  /** Part of a cut box's height and width that it has at least and at most, instead of a size from its share. */
  readonly cutmixMinMax?: readonly [number, number]
  /** That anything is mixed: 1 unless told otherwise. */
  readonly prob?: number
  /** Cutmix instead of mixup, where both are on: 0.5 unless told otherwise. */
  readonly switchProb?: number
  /** One draw for the batch, for each pair of samples, for each sample, or for half of the batch, which is all that is given. */
  readonly mode?: 'batch' | 'pair' | 'elem' | 'half'
  /** Whether a cut box's share is that of its area after clipping: true unless told otherwise. */
  readonly correctShare?: boolean
}

/** Rows `top` … `bottom` and columns `left` … `right`, ends excluded. */
export interface Box {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** How much of a sample stays, and where its partner shows through; without a box they are blended. */
export interface SampleMix {
  readonly share: number
  readonly box?: Box
}

/** Where random numbers of a plan come from. */
export interface Draws {
  /** In [0, 1). */
  uniform(): number
  /** From the beta distribution with both parameters `alpha`. */
  beta(alpha: number): number
  /** A whole number, `low` or more and below `high`. */
  integer(low: number, high: number): number
}

interface Chosen {
  readonly share: number
  readonly cut: boolean
}

/**
 * Decides how a batch is mixed (mixup: Zhang et al., arXiv 1710.09412; cutmix: Yun et al., arXiv 1905.04899): one entry
 * for each sample of the result, whose partner is the sample at the same place from the other end. Draws in the order of
 * timm. Throws `ArgumentError` for an odd batch, and unless one of both alphas is positive.
 */
export function planMix(
  options: MixOptions,
  batch: number,
  size: readonly [height: number, width: number],
  draws: Draws,
): SampleMix[] {
  const { mode = 'batch' } = options
  if (batch % 2 !== 0) throw new ArgumentError(`samples are mixed in pairs, so a batch must be even, got ${batch}`)
  if (!(options.mixupAlpha > 0 || options.cutmixAlpha > 0 || options.cutmixMinMax))
    throw new ArgumentError('mixing needs mixupAlpha or cutmixAlpha above 0')
  if (mode === 'batch') {
    const mix = placed(choose(options, draws), options, size, draws)
    return Array.from({ length: batch }, () => mix)
  }
  const chosen = chooseEach(options, mode === 'elem' ? batch : batch / 2, draws)
  const mixes = chosen.map((choice) => placed(choice, options, size, draws))
  return mode === 'pair' ? [...mixes, ...mixes.toReversed()] : mixes
}

function choose(options: MixOptions, draws: Draws): Chosen {
  const { mixup, cutmix, prob, switchProb } = resolved(options)
  if (!(draws.uniform() < prob)) return { share: 1, cut: false }
  const cut = mixup > 0 && cutmix > 0 ? draws.uniform() < switchProb : cutmix > 0
  return { share: draws.beta(cut ? cutmix : mixup), cut }
}

/** Both shares are drawn for every sample, whichever is taken, and the probability comes last. */
function chooseEach(options: MixOptions, n: number, draws: Draws): Chosen[] {
  const { mixup, cutmix, prob, switchProb } = resolved(options)
  const each = <T>(draw: () => T): T[] => Array.from({ length: n }, draw)
  const both = mixup > 0 && cutmix > 0
  const cuts = both ? each(() => draws.uniform() < switchProb) : each(() => cutmix > 0)
  const cutShares = cutmix > 0 ? each(() => draws.beta(cutmix)) : []
  const blendShares = mixup > 0 ? each(() => draws.beta(mixup)) : []
  const mixed = each(() => draws.uniform() < prob)
  return cuts.map((cut, i) => (mixed[i] ? { share: (cut ? cutShares : blendShares)[i], cut } : { share: 1, cut: false }))
}

/** A range for the sizes of boxes implies cutmix with uniform shares. */
const resolved = ({ mixupAlpha, cutmixAlpha, cutmixMinMax, prob = 1, switchProb = 0.5 }: MixOptions) => ({
  mixup: mixupAlpha,
  cutmix: cutmixMinMax ? 1 : cutmixAlpha,
  prob,
  switchProb,
})

function placed({ share, cut }: Chosen, options: MixOptions, size: readonly [number, number], draws: Draws): SampleMix {
  if (share === 1 || !cut) return { share }
  const box = options.cutmixMinMax ? drawBoxWithin(size, options.cutmixMinMax, draws) : drawBox(size, share, draws)
  const area = shareOf(box, size)
  return { share: (options.correctShare ?? true) || options.cutmixMinMax ? area : share, box }
}

/** A box of 1 - share of the image around a drawn centre, clipped to the image. An odd size loses a pixel. */
function drawBox([height, width]: readonly [number, number], share: number, draws: Draws): Box {
  const [cy, cx] = [draws.integer(0, height), draws.integer(0, width)]
  return cutBox([height, width], share, [cy, cx])
}

/** The box of cutmix for a share and a centre. */
export function cutBox([height, width]: readonly [number, number], share: number, [cy, cx]: readonly [number, number]): Box {
  const ratio = Math.sqrt(1 - share)
  const [halfHeight, halfWidth] = [height, width].map((n) => Math.floor(Math.trunc(n * ratio) / 2))
  const clip = (at: number, end: number): number => Math.min(end, Math.max(0, at))
  return {
    top: clip(cy - halfHeight, height),
    bottom: clip(cy + halfHeight, height),
    left: clip(cx - halfWidth, width),
    right: clip(cx + halfWidth, width),
  }
}

/** A box anywhere, of a height and a width between two parts of the image's. */
export function drawBoxWithin(
  [height, width]: readonly [number, number],
  [least, most]: readonly [number, number],
  draws: Draws,
): Box {
  const cutHeight = draws.integer(Math.trunc(height * least), Math.trunc(height * most))
  const cutWidth = draws.integer(Math.trunc(width * least), Math.trunc(width * most))
  const top = draws.integer(0, height - cutHeight)
  const left = draws.integer(0, width - cutWidth)
  return { top, bottom: top + cutHeight, left, right: left + cutWidth }
}

/** What a box leaves of an image. */
export const shareOf = ({ top, bottom, left, right }: Box, [height, width]: readonly [number, number]): number =>
  1 - ((bottom - top) * (right - left)) / (height * width)

/** Draws from a generator: the same on every machine up to the last bits of `Math.pow`. */
export function drawsFrom(random: Generator): Draws {
  return {
    uniform: () => random.uniform(),
    beta: (alpha) => {
      const [x, y] = [gamma(alpha, random), gamma(alpha, random)]
      // Both underflow only for a tiny alpha, where the distribution is all but a coin.
      return x + y > 0 ? x / (x + y) : random.uniform() < 0.5 ? 0 : 1
    },
    integer: (low, high) => low + Math.floor(random.uniform() * (high - low)),
  }
}

/** A gamma variate of scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000). */
function gamma(shape: number, random: Generator): number {
  if (shape < 1) return gamma(shape + 1, random) * random.uniform() ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

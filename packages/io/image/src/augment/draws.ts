/**
 * The random choices of a training transform, in the order in which the published pipelines make them. Reference traces
 * are replayed through it; training takes them from a generator by {@link drawsFrom}.
 */
export interface Draws {
  /** In [0, 1). */
  random(): number
  /** Between two numbers. */
  uniform(low: number, high: number): number
  /** A whole number, both ends included. */
  integer(low: number, high: number): number
  normal(mean: number, std: number): number
  /** One of 0 … count - 1, all equally likely. */
  choice(count: number): number
  /** Fills with independent standard normal values. */
  noise(values: Float32Array): void
}

/** Where random numbers come from: `Generator` of `@scanline/tensor` is one. */
export interface RandomSource {
  /** In [0, 1). */
  uniform(): number
  /** Standard normal. */
  normal(): number
}

/**
 * Draws from a stream of random numbers: a function of the stream's state alone.
 *
 * @example
 * const draws = drawsFrom(new Generator(42))
 */
export function drawsFrom(source: RandomSource): Draws {
  const choice = (count: number): number => Math.floor(source.uniform() * count)
  return {
    random: () => source.uniform(),
    uniform: (low, high) => low + (high - low) * source.uniform(),
    integer: (low, high) => low + choice(high - low + 1),
    normal: (mean, std) => mean + std * source.normal(),
    choice,
    noise: (values) => {
      for (let i = 0; i < values.length; i++) values[i] = source.normal()
    },
  }
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** Part of an image, in whole pixels. */
export interface Rectangle extends Size {
  readonly left: number
  readonly top: number
}

/** Rounds halves to the even neighbour, as Python's `round` does. */
export function roundHalfEven(v: number): number {
  const floor = Math.floor(v)
  const rest = v - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}

/** The shorter side becomes `size`, the longer one keeps the ratio and is truncated: 500 x 375 to 224 gives 298 x 224. */
export function shorterSide({ width, height }: Size, size: number): Size {
  return width <= height
    ? { width: size, height: Math.trunc((size * height) / width) }
    : { width: Math.trunc((size * width) / height), height: size }
}

/**
 * Keeps the ratio: `longest` 1 fits the image into `target`, 0 covers it, values between mix the two. A side never becomes less than one pixel.
 */
export function keepRatio({ width, height }: Size, target: Size, longest: number): Size {
  const ratioX = width / target.width
  const ratioY = height / target.height
  const ratio = Math.max(ratioX, ratioY) * longest + Math.min(ratioX, ratioY) * (1 - longest)
  return { width: Math.max(1, roundHalfEven(width / ratio)), height: Math.max(1, roundHalfEven(height / ratio)) }
}

/**
 * Where a centred crop of `cropSize` pixels begins along a side of `size`; negative where the side is too short and padding comes first.
 * Halves go to the even neighbour, and padding is divided downwards. Specification: preprocessing 3.
 */
export function centreOffset(size: number, cropSize: number): number {
  return size < cropSize ? -Math.floor((cropSize - size) / 2) : roundHalfEven((size - cropSize) / 2)
}

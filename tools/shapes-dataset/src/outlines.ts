import type { Vector } from './random.js'

/** Closed lines; what an odd number of them encloses is inside. Unit size: about 1 from the centre. */
export type Outline = readonly (readonly Vector[])[]

const SIDES = 64
/** Cosine and sine of a turn by 1/64: constants, as engines differ in the last bit of `Math.sin`. */
const TURN: Vector = [0.9951847266721969, 0.0980171403295606]

function circle(radius = 1, cx = 0, cy = 0): Vector[] {
  const points: Vector[] = []
  let [x, y] = [1, 0]
  for (let i = 0; i < SIDES; i++) {
    points.push([cx + radius * x, cy + radius * y])
    ;[x, y] = [x * TURN[0] - y * TURN[1], x * TURN[1] + y * TURN[0]]
  }
  return points
}

/** Corners of a regular pentagon, the first one above. */
const FIVE: readonly Vector[] = [
  [0, -1],
  [0.9510565162951535, -0.3090169943749474],
  [0.5877852522924731, 0.8090169943749475],
  [-0.5877852522924731, 0.8090169943749475],
  [-0.9510565162951535, -0.3090169943749474],
]

/** Between two corners of the pentagon lies the opposite of the third. */
const star = FIVE.flatMap((corner, i): Vector[] => {
  const [x, y] = FIVE[(i + 3) % 5] as Vector
  return [corner, [-0.42 * x, -0.42 * y]]
})

/** A disc without another one of radius 0.85, 0.5 beside it. */
function crescent(): Vector[] {
  const meet = 0.5275
  const height = Math.sqrt(1 - meet * meet)
  const outer = circle().filter(([x]) => x < meet)
  const inner = circle(0.85, 0.5).filter(([x, y]) => x * x + y * y < 1)
  return [[meet, height], ...outer, [meet, -height], ...inner.reverse()]
}

function heart(): Vector[] {
  // Vertices from the lower left over the top to the lower right; y points down.
  const lobe = (cx: number) => {
    const vertices = circle(0.52, cx, -0.34)
    return [...vertices.slice(28), ...vertices.slice(0, 28)].filter(([x, y]) => y <= -0.2 && x * cx >= 0)
  }
  return [...lobe(-0.48), ...lobe(0.48), [0, 1.15]]
}

const bar = (a: number, b: number): Vector[] => [
  [-a, -b],
  [a, -b],
  [a, b],
  [-a, b],
]

function cross(arm = 0.3): Vector[] {
  return [
    [-arm, -1],
    [arm, -1],
    [arm, -arm],
    [1, -arm],
    [1, arm],
    [arm, arm],
    [arm, 1],
    [-arm, 1],
    [-arm, arm],
    [-1, arm],
    [-1, -arm],
    [-arm, -arm],
  ]
}

/** Every class by name, in the order of their labels. */
export const OUTLINES = {
  arrow: [
    [
      [-1, -0.24],
      [0.15, -0.24],
      [0.15, -0.68],
      [1, 0],
      [0.15, 0.68],
      [0.15, 0.24],
      [-1, 0.24],
    ],
  ],
  crescent: [crescent()],
  cross: [cross()],
  disc: [circle(0.92)],
  heart: [heart()],
  pentagon: [FIVE],
  ring: [circle(), circle(0.55)],
  square: [bar(0.8, 0.8)],
  star: [star],
  triangle: [
    [
      [0, -1.05],
      [0.91, 0.52],
      [-0.91, 0.52],
    ],
  ],
} as const satisfies Record<string, Outline>

export type ClassName = keyof typeof OUTLINES

export const CLASSES = Object.keys(OUTLINES) as ClassName[]

export { bar, circle }

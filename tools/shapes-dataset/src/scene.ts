import { type Coverage, coverageOf } from './coverage.js'
import { bar, type ClassName, OUTLINES, type Outline } from './outlines.js'
import { type Colour, type Light, light, meanColour, type Paint, paint } from './paint.js'
import { placed, placement } from './place.js'
import type { Chance } from './random.js'

/** Something that is painted. */
export interface Layer {
  readonly coverage: Coverage
  readonly paint: Paint
  readonly x: number
  readonly y: number
  readonly radius: number
  /** Absent for clutter. */
  readonly name?: ClassName
}

/** A picture before it is painted. */
export interface Scene {
  readonly size: number
  readonly background: Paint
  readonly light: Light
  /** From back to front. */
  readonly layers: readonly Layer[]
  /** Deviation of the noise in levels, its seed, and whether the picture is out of focus. */
  readonly noise: number
  readonly noiseSeed: number
  readonly blurred: boolean
}

export interface SceneOptions {
  /** Side of the picture in pixels. */
  readonly size: number
  readonly classes: readonly ClassName[]
  /** 0 easy … 1 hard: contrast, clutter, occlusion, light, noise. */
  readonly difficulty: number
}

/** Less of an object than this may not be left to see. */
const LEAST_VISIBLE = 0.55

class Composer {
  readonly #chance: Chance
  readonly #options: SceneOptions
  readonly #background: Paint
  readonly layers: Layer[] = []

  constructor(chance: Chance, options: SceneOptions, background: Paint) {
    this.#chance = chance
    this.#options = options
    this.#background = background
  }
  layer(outline: Outline, x: number, y: number, radius: number, name?: ClassName): Layer {
    const { difficulty, size } = this.#options
    const chance = this.#chance
    const shape = placed(outline, placement(chance, x, y, radius, name ? 1 : 0.5))
    const contrast = name ? 130 - 75 * difficulty : 0
    const surface = paint(chance, chance.between(0.25, 0.7) * radius + 1.5, 60 + 30 * difficulty, this.#behind, contrast)
    return { coverage: coverageOf(shape, size), paint: surface, x, y, radius, ...(name && { name }) }
  }
  get #behind(): Colour {
    return meanColour(this.#background)
  }
  /** Bars, blobs and splinters of no class, behind what follows. */
  clutter(count: number, least: number, most: number): void {
    for (let i = 0; i < count; i++) {
      const { size } = this.#options
      const [x, y] = [this.#chance.between(0, size), this.#chance.between(0, size)]
      this.layers.push(this.layer(debris(this.#chance), x, y, this.#chance.between(least, most) * size))
    }
  }
  /** Adds a layer unless it would hide too much of an object, or too much of itself lies outside. */
  add(layer: Layer): boolean {
    const front = [...this.layers, layer]
    const visible = visibleParts(front, this.#options.size)
    const fits = front.every(({ name }, i) => !name || (visible[i] as number) >= LEAST_VISIBLE)
    if (fits) this.layers.push(layer)
    return fits
  }
}

/** An outline of no class, nor like one: a bar, a needle or a lump that is twice as long as wide. */
function debris(chance: Chance): Outline {
  const kind = chance.whole(0, 2)
  const thin = chance.between(0.06, 0.18)
  if (kind === 0) return [bar(1, thin)]
  if (kind === 1)
    return [
      [
        [-1, -thin],
        [1, 0],
        [-1, thin],
      ],
    ]
  const corners = chance.whole(7, 10)
  // Steps around a square give corners in order without an angle.
  const around = Array.from({ length: corners }, (_, i) => (4 * (i + chance.between(0.1, 0.9))) / corners)
  return [
    around.map((t) => {
      const [side, along] = [Math.floor(t), 2 * (t - Math.floor(t)) - 1]
      const [x, y] = [
        [along, -1],
        [1, along],
        [-along, 1],
        [-1, -along],
      ][side % 4] as [number, number]
      const reach = chance.between(0.5, 1) / Math.sqrt(x * x + y * y)
      return [x * reach, 0.42 * y * reach] as const
    }),
  ]
}

/** Which part of each layer's whole area is to be seen; parts outside of the picture count as hidden. */
function visibleParts(layers: readonly Layer[], size: number): number[] {
  const owners = ownersOf(layers, size)
  const counts = layers.map(() => 0)
  for (const owner of owners) if (owner > 0) counts[owner - 1] = (counts[owner - 1] as number) + 1
  return layers.map(({ coverage, x, y, radius }, i) => {
    let own = 0
    for (const part of coverage.data) if (part >= 0.5) own++
    // Of what lies outside nothing is known but that the centre is inside: its share is that of the radius.
    const over = Math.max(0, radius - x, radius - y, x + radius - size, y + radius - size) / (2 * radius)
    return own === 0 ? 0 : ((counts[i] as number) / own) * (1 - over)
  })
}

/** The front layer of each pixel, from 1; 0 is the background. A layer owns what it covers by half. */
export function ownersOf(layers: readonly Layer[], size: number): Uint8Array {
  const owners = new Uint8Array(size * size)
  for (const [i, { coverage }] of layers.entries()) {
    const { left, top, width, height, data } = coverage
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) if ((data[y * width + x] as number) >= 0.5) owners[(top + y) * size + left + x] = i + 1
  }
  return owners
}

function finish(chance: Chance, options: SceneOptions, background: Paint, layers: readonly Layer[]): Scene {
  const { difficulty, size } = options
  return {
    size,
    background,
    light: light(chance, difficulty),
    layers,
    noise: chance.between(2, 6 + 22 * difficulty),
    noiseSeed: chance.word(),
    blurred: chance.happens(0.35 * difficulty),
  }
}

const backgroundOf = (chance: Chance, { size, difficulty }: SceneOptions): Paint =>
  paint(chance, chance.between(0.08, 0.4) * size, 70 + 70 * difficulty)

/**
 * A picture of one object of class `name`. Smaller objects of other classes may lie around it, clutter before it: the
 * class is that of the largest object.
 */
export function classifyScene(chance: Chance, options: SceneOptions, name: ClassName): Scene {
  const { size, difficulty, classes } = options
  const background = backgroundOf(chance, options)
  const composer = new Composer(chance, options, background)
  composer.clutter(chance.whole(0, 2 + Math.floor(5 * difficulty)), 0.05, 0.2)

  const radius = size * chance.between(0.26, 0.4)
  const place = () => chance.between(Math.min(radius, size / 2), Math.max(size - radius, size / 2))
  for (let tries = 0; tries < 8; tries++) if (composer.add(composer.layer(OUTLINES[name], place(), place(), radius, name))) break

  const others = classes.filter((other) => other !== name)
  if (others.length > 0)
    for (let i = chance.whole(0, Math.floor(2.5 * difficulty)); i > 0; i--) {
      const small = radius * chance.between(0.25, 0.42)
      composer.add(
        composer.layer(
          OUTLINES[chance.pick(others)],
          chance.between(small, size - small),
          chance.between(small, size - small),
          small,
        ),
      )
    }
  for (let i = chance.whole(0, Math.floor(1 + 3 * difficulty)); i > 0; i--)
    composer.add(
      composer.layer(debris(chance), chance.between(0, size), chance.between(0, size), size * chance.between(0.06, 0.22)),
    )
  return finish(chance, options, background, composer.layers)
}

/** A picture of several objects, each with its class. */
export function manyScene(chance: Chance, options: SceneOptions): Scene {
  const { size, difficulty, classes } = options
  const background = backgroundOf(chance, options)
  const composer = new Composer(chance, options, background)
  composer.clutter(chance.whole(0, 3 + Math.floor(6 * difficulty)), 0.04, 0.16)
  const wanted = chance.whole(2, 5 + Math.floor(4 * difficulty))
  for (let i = 0; i < wanted; i++) {
    // Scales are spread evenly over their logarithm: each is a product of steps.
    let radius = size * 0.06
    for (let step = chance.whole(0, 9); step > 0; step--) radius *= 1.15
    const name = chance.pick(classes)
    const place = () => chance.between(0.6 * radius, size - 0.6 * radius)
    for (let tries = 0; tries < 6; tries++)
      if (composer.add(composer.layer(OUTLINES[name], place(), place(), radius, name))) break
  }
  for (let i = chance.whole(0, Math.floor(4 * difficulty)); i > 0; i--)
    composer.add(
      composer.layer(debris(chance), chance.between(0, size), chance.between(0, size), size * chance.between(0.04, 0.14)),
    )
  return finish(chance, options, background, composer.layers)
}

import { ShapesError } from './errors.js'
import { CLASSES, type ClassName } from './outlines.js'

export const SPLITS = ['train', 'val', 'test'] as const
export type Split = (typeof SPLITS)[number]

/** How many pictures each split gets. */
export type Counts = Readonly<Record<Split, number>>

/** What a data set is a function of. */
export interface DatasetOptions {
  readonly seed: number
  /** The first classes of {@link CLASSES}. */
  readonly classes: number
  /** 0 easy … 1 hard. */
  readonly difficulty: number
  /** One object of interest in each picture, in folders by class. `size` is the side in pixels. */
  readonly classification: Counts & { readonly size: number }
  /** Several objects in each picture, with boxes, masks and label maps. */
  readonly scenes: Counts & { readonly size: number }
}

export const DEFAULTS: DatasetOptions = {
  seed: 0,
  classes: CLASSES.length,
  difficulty: 0.5,
  classification: { train: 10_000, val: 1000, test: 1000, size: 64 },
  scenes: { train: 1000, val: 100, test: 100, size: 128 },
}

export const SETS = ['classification', 'scenes'] as const
export type SetName = (typeof SETS)[number]

/** Pictures that are made in one go. */
export interface Part {
  readonly set: SetName
  readonly split: Split
  readonly first: number
  readonly count: number
}

const PICTURES_A_PART = 50

/** All parts of a data set, in order. A part's number is its place here. */
export function partsOf(options: DatasetOptions): Part[] {
  return SETS.flatMap((set) =>
    SPLITS.flatMap((split) => {
      const total = options[set][split]
      return Array.from({ length: Math.ceil(total / PICTURES_A_PART) }, (_, i) => {
        const first = i * PICTURES_A_PART
        return { set, split, first, count: Math.min(PICTURES_A_PART, total - first) }
      })
    }),
  )
}

export const classNames = (options: DatasetOptions): ClassName[] => CLASSES.slice(0, options.classes)

/** Throws `ShapesError` for what cannot be made. */
export function checkOptions(options: DatasetOptions): void {
  const whole = (name: string, value: number, least: number, most: number) => {
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw new ShapesError(`${name} is a whole number from ${least} to ${most}, not ${value}`)
  }
  whole('--seed', options.seed, 0, Number.MAX_SAFE_INTEGER)
  whole('--classes', options.classes, 2, CLASSES.length)
  if (!(options.difficulty >= 0 && options.difficulty <= 1))
    throw new ShapesError(`--difficulty is a number from 0 to 1, not ${options.difficulty}`)
  for (const set of SETS) {
    whole(set === 'scenes' ? '--scene-size' : '--size', options[set].size, 16, 4096)
    for (const split of SPLITS) whole(`the number of ${split} pictures in --${set}`, options[set][split], 0, 1_000_000)
  }
  if (partsOf(options).length === 0) throw new ShapesError('there is nothing to make: every split has 0 pictures')
}

import { closest } from '@scanline/nn'
import type { Recipe } from '@scanline/train'
import { exitCodes, Failure } from '../failure.js'

type Fields = { readonly [name: string]: unknown }

/** What a recipe may have and need not; `null` takes it out. */
const optional = ['clipNorm', 'layerScale', 'average', 'mesa', 'teacher']
/** Records whose fields depend on what is chosen in them. */
const open = ['optimizer', 'mix', 'mesa', 'teacher']

/**
 * A recipe with one value replaced, by the path of its name (`schedule.rate`). Throws `Failure` for a path that is none
 * and for a value of another kind than the one that was there.
 */
export function override(recipe: Recipe, path: string, value: unknown): Recipe {
  return replaced(recipe as unknown as Fields, path.split('.'), value, path, true) as unknown as Recipe
}

function replaced(fields: Fields, [name, ...rest]: readonly string[], value: unknown, path: string, known: boolean): Fields {
  const present = Object.hasOwn(fields, name!)
  if (known && !present && !optional.includes(name!)) throw unknown(fields, name!, path)
  const before = fields[name!]
  if (rest.length > 0) {
    if (!isRecord(before)) throw unknown(fields, name!, path)
    return { ...fields, [name!]: replaced(before, rest, value, path, known && !open.includes(name!)) }
  }
  if (value === null && (optional.includes(name!) || !known)) {
    const { [name!]: _, ...others } = fields
    return others
  }
  if (isRecord(before) && isRecord(value)) return { ...fields, [name!]: merged(before, value, path, known) }
  if (present && kind(before) !== kind(value))
    throw new Failure(
      `${path} of a recipe is a ${kind(before)}, such as ${JSON.stringify(before)}; got ${JSON.stringify(value)}`,
      exitCodes.usage,
    )
  return { ...fields, [name!]: value }
}

const merged = (before: Fields, value: Fields, path: string, known: boolean): Fields =>
  Object.entries(value).reduce(
    (fields, [name, inner]) => replaced(fields, [name], inner, `${path}.${name}`, known && !open.includes(path)),
    before,
  )

const kind = (value: unknown): string => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value)
const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function unknown(fields: Fields, name: string, path: string): Failure {
  const names = Object.keys(fields)
  const near = closest(name, names, 3)
  return new Failure(
    `a recipe has no ${path}; ${near.length > 0 ? `did you mean ${near.join(', ')}?` : `there are ${names.join(', ')}`}`,
    exitCodes.usage,
  )
}

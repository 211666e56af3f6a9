import { closest } from '@scanline/nn'
import { ArgumentError } from '@scanline/tensor'
import { efficientvim } from './efficientvim.js'
import { mambaout } from './mambaout.js'
import { mambavision } from './mambavision.js'
import type { Recipe } from './recipe.js'
import { vim } from './vim.js'

export { recipeClip, recipeGroups, recipeOptimizer, recipeTimeline, totalEpochs } from './apply.js'
export { type ClassifierOutputs, mesaStart, recipeLoss } from './loss.js'
export type { Augment, Batch, Mesa, Recipe, RecipeSchedule, Teacher } from './recipe.js'

/** Every published recipe. */
export const recipes: readonly Recipe[] = [...mambaout, ...mambavision, ...vim, ...efficientvim]

/** A recipe by its name. Throws `ArgumentError` with near misses. */
export function recipe(name: string): Recipe {
  const found = recipes.find((r) => r.name === name)
  if (found) return found
  const near = closest(
    name,
    recipes.map((r) => r.name),
    3,
  )
  throw new ArgumentError(
    `there is no recipe "${name}"; ${near.length > 0 ? `did you mean ${near.join(', ')}?` : 'see the list `recipes`'}`,
  )
}

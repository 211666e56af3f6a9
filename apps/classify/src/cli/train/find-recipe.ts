import { readFile } from 'node:fs/promises'
import { ArgumentError } from '@scanline/tensor'
import { type Recipe, recipe, recipes } from '@scanline/train'
import { modelInfo } from '@scanline/zoo'
import { exitCodes, explain, Failure } from '../failure.js'
import { override } from './override.js'
import { smallRecipe } from './small-recipe.js'

/**
 * A recipe by its name (`small` or a published one), from a JSON file whose `base` names another one, or the one that
 * belongs to a model: the published one of its name, else `small`.
 */
export async function findRecipe(name: string | undefined, model: string): Promise<Recipe> {
  const { architecture } = modelInfo(model)
  if (name === undefined) return recipes.find((r) => r.model === architecture) ?? smallRecipe
  if (name.endsWith('.json')) return fromFile(name, model)
  if (name === smallRecipe.name) return smallRecipe
  try {
    return recipe(name)
  } catch (error) {
    if (error instanceof ArgumentError) throw new Failure(`--recipe: ${error.message}, small, or a .json file`, exitCodes.usage)
    throw error
  }
}

async function fromFile(path: string, model: string): Promise<Recipe> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new Failure(`--recipe ${path}: cannot be read (${explain(error)})`)
  })
  let values: unknown
  try {
    values = JSON.parse(text)
  } catch (error) {
    throw new Failure(`--recipe ${path}: it is no JSON (${explain(error)})`)
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new Failure(`--recipe ${path}: a recipe is a record such as {"base": "small", "schedule": {"epochs": 10}}`)
  const { base, ...own } = values as { base?: unknown } & Record<string, unknown>
  if (base !== undefined && typeof base !== 'string') throw new Failure(`--recipe ${path}: "base" is the name of a recipe`)
  const found = await findRecipe(base, model)
  return Object.entries(own).reduce((recipe, [name, value]) => override(recipe, name, value), found)
}

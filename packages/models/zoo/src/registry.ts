import { closest } from '@scanline/nn'
import { ScanlineError } from '@scanline/tensor'
import { efficientvim } from './families/efficientvim.js'
import type { Family } from './families/family.js'
import { mambaout } from './families/mambaout.js'
import { mambavision } from './families/mambavision.js'
import { vim } from './families/vim.js'
import { globPattern, naturalOrder } from './glob.js'
import type { ModelInfo } from './model-info.js'

/** Every family. A further one is one more entry. */
export const families: readonly Family[] = [mambaout, mambavision, vim, efficientvim]

const all = (): readonly ModelInfo[] => families.flatMap((family) => family.models)

/** No model of that name. `suggestions` are the closest names. */
export class UnknownModelError extends ScanlineError {
  readonly suggestions: readonly string[]
  constructor(message: string, suggestions: readonly string[]) {
    super('UNKNOWN_MODEL', message)
    this.suggestions = suggestions
  }
}

/**
 * Names of models, in natural order: all, or those that match a shell pattern (`*`, `?`, `[…]`), or one of several.
 *
 * @example
 * listModels('*femto*') // ['mambaout_femto.in1k', 'mambaout_femto.official']
 */
export function listModels(
  filter: string | readonly string[] = '*',
  { pretrained = false }: { /** Only those with published weights. */ readonly pretrained?: boolean } = {},
): string[] {
  const patterns = (typeof filter === 'string' ? [filter] : filter).map(globPattern)
  return all()
    .filter(({ name, weights }) => patterns.some((p) => p.test(name)) && (!pretrained || weights !== undefined))
    .map(({ name }) => name)
    .sort(naturalOrder)
}

/**
 * The configuration of a model, by `architecture.tag`, or by the architecture alone for its default weights; that may be
 * the name that the authors' code registers (`EfficientViM_M1`). Throws `UnknownModelError` with near misses.
 */
export function modelInfo(name: string): ModelInfo {
  const architecture = families.flatMap(({ aliases = {} }) => (Object.hasOwn(aliases, name) ? [aliases[name]] : []))[0] ?? name
  const found = all().find((m) => m.name === name) ?? all().find((m) => m.architecture === architecture)
  if (found) return found
  throw unknownModel(name)
}

/** The family that builds a model. */
export const familyOf = (info: ModelInfo): Family => families.find(({ name }) => name === info.family)!

function unknownModel(name: string): UnknownModelError {
  const hubId = /^(?:hf[-_]hub:|hf:)?[^/\s]+\/([^@:\s]+)/.exec(name)
  if (hubId) {
    const known = all().find((m) => m.weights === `timm/${hubId[1]}`)
    const advice = known
      ? `createModel("${known.name}", { pretrained: true }) loads these weights`
      : `pass the name of an architecture (see listModels) and hand the file's opened checkpoint over as { weights }`
    return new UnknownModelError(
      `"${name}" is the id of a repository, not the name of a model; ${advice}`,
      known ? [known.name] : [],
    )
  }
  const [architecture] = name.split('.')
  const tags = all().filter((m) => m.architecture === architecture)
  const suggestions =
    tags.length > 0
      ? tags.map((m) => m.name)
      : closest(
          name,
          all().flatMap((m) => [m.name, m.architecture]),
          5,
        )
  const near = [...new Set(suggestions)]
  const advice = near.length > 0 ? `did you mean ${near.join(', ')}?` : `listModels() gives all ${all().length} names`
  return new UnknownModelError(`there is no model "${name}"; ${advice}`, near)
}

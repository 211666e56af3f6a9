import { closest } from '@scanline/nn'
import { CostError } from './errors.js'

/**
 * The names that match: each pattern's in the order of the patterns, none twice. `*` stands for any text and `?` for a
 * character. Throws `CostError`, with near misses, for a pattern that nothing matches.
 */
export function chooseModels(patterns: readonly string[], names: readonly string[]): string[] {
  if (patterns.length === 0) return [...names]
  const chosen = patterns.flatMap((pattern) => {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')
    const found = names.filter((name) => new RegExp(`^${source}$`).test(name))
    if (found.length > 0) return found
    const near = closest(pattern, names, 5)
    throw new CostError(
      `there is no model "${pattern}"; ${near.length > 0 ? `did you mean ${near.join(', ')}?` : `there are ${names.join(', ')}`}`,
    )
  })
  return [...new Set(chosen)]
}

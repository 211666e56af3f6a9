/** Single-character insertions, deletions and replacements that turn one text into the other (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, previous[j] + 1, row[j - 1] + 1))
    }
    previous = row
  }
  return previous[b.length]
}

/**
 * The `count` candidates most like `name`, best first, none that differs in more than two fifths of its characters.
 *
 * @example
 * closest('stem.conv.weight', model.stateDict().keys()) // ['stem.conv1.weight', 'stem.conv2.weight', …]
 */
export function closest(name: string, candidates: Iterable<string>, count = 3): string[] {
  const near: { candidate: string; distance: number }[] = []
  for (const candidate of candidates) {
    const limit = 0.4 * Math.max(name.length, candidate.length)
    if (Math.abs(name.length - candidate.length) > limit) continue
    const distance = editDistance(name, candidate)
    if (distance <= limit) near.push({ candidate, distance })
  }
  return near
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

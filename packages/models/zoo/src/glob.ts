/** A shell pattern as a regular expression: `*` any text, `?` one character, `[ab]` one of several, `[!ab]` none of them. */
export function globPattern(glob: string): RegExp {
  const parts = glob.match(/\[!?[^\]]+\]|[\s\S]/g) ?? []
  const source = parts.map((part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length > 1)
      return `[${part[1] === '!' ? '^' : ''}${part.slice(part[1] === '!' ? 2 : 1, -1).replace(/[\\^]/g, '\\$&')}]`
    return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${source.join('')}$`, 's')
}

/** Order of names in which numbers within them count as numbers: `e150` before `e1000`. */
export function naturalOrder(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.match(/\d+|\D+/g) ?? [])
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = Number(left[i]) - Number(right[i])
    if (difference < 0 || difference > 0) return difference
    if (Number.isNaN(difference) && left[i] !== right[i]) return left[i] < right[i] ? -1 : 1
  }
  return left.length - right.length || (a < b ? -1 : a > b ? 1 : 0)
}

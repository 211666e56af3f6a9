/**
 * Entries of a file in which a model is part of something larger: those below the prefix in front of `anchor`, without it.
 * So a trainer's `module.`, a wrapper's `model.`, a detector's `backbone.`, or several of them, are taken off, and what
 * lies beside (a neck, a decoder) is left out. Of several anchors the first that the file has counts; without any the
 * entries stay as they are.
 *
 * @example
 * belowPrefix(entries, 'stem.conv.weight') // `module.backbone.stem.conv.weight` → `stem.conv.weight`; no `module.neck.…`
 */
export function belowPrefix<T>(entries: Iterable<readonly [string, T]>, ...anchors: readonly string[]): [string, T][] {
  const list = [...entries]
  const prefixes = anchors.flatMap((anchor) =>
    list.flatMap(([key]) => (key === anchor || key.endsWith(`.${anchor}`) ? [key.slice(0, -anchor.length)] : [])),
  )
  const prefix = prefixes[0] ?? ''
  return list.flatMap(([key, value]): [string, T][] => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : []))
}

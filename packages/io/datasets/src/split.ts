const SYNONYMS = [
  ['train', 'training'],
  ['val', 'valid', 'validation', 'eval', 'evaluation'],
]

/**
 * Which of the sub-folders holds a split: the one of its name, else the first synonym that is there; undefined means the
 * folder itself. Specification: preprocessing 7.
 *
 * @example
 * findSplit(['train', 'val'], 'validation') // 'val'
 */
export function findSplit(folders: readonly string[], split: string): string | undefined {
  if (folders.includes(split)) return split
  return SYNONYMS.find((names) => names.includes(split))?.find((name) => folders.includes(name))
}

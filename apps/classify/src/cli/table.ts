import stringWidth from 'string-width'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows in aligned columns under their titles, two spaces apart, measured as a terminal shows them. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map(({ title }) => title)
  const widths = columns.map((_, c) => Math.max(...[titles, ...rows].map((row) => stringWidth(row[c]!))))
  const line = (row: readonly string[]): string =>
    row
      .map((text, c) => pad(text, widths[c]!, columns[c]!.align))
      .join('  ')
      .trimEnd()
  return [line(titles), ...rows.map(line)].map((text) => `${text}\n`).join('')
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return align === 'right' ? space + text : text + space
}

/** At most `width` terminal cells, with an ellipsis where text is left out. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar for a share of `width` cells, to an eighth of a cell. */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  return '█'.repeat(filled >> 3) + eighths[filled & 7]!
}

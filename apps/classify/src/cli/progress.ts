import { SingleBar } from 'cli-progress'
import type { TextOut } from './io.js'
import { clip } from './table.js'

/** Shows how far something long is; says nothing where stderr is not a terminal. */
export interface Progress {
  update(done: number, total: number | undefined, what: string): void
  /** Removes the line, so that other text can follow. */
  clear(): void
}

const silent: Progress = { update() {}, clear() {} }

/** `unit`: what the numbers count; `MB` takes bytes. */
export function progressOn(stderr: TextOut, unit: 'MB' | 'images'): Progress {
  if (!stderr.isTTY) return silent
  const scale = unit === 'MB' ? 1e-6 : 1
  const round = (n: number): number => Number((n * scale).toFixed(unit === 'MB' ? 1 : 0))
  let shown: SingleBar | undefined
  return {
    update(done, total, what) {
      // A server may not tell the length; then the bar stays empty and the number speaks.
      const [value, size] = [round(done), round(total ?? 0)]
      const payload = { what: clip(what, 40), unit }
      if (shown) {
        shown.setTotal(size)
        shown.update(value, payload)
        return
      }
      shown = new SingleBar({
        stream: stderr as NodeJS.WritableStream,
        format: '{what}  {bar}  {value} of {total} {unit}  {eta_formatted}',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
      })
      shown.start(size, value, payload)
    },
    clear() {
      shown?.stop()
      shown = undefined
    },
  }
}

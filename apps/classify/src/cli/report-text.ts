import stringWidth from 'string-width'
import { oneLine } from './failure.js'
import type { Io } from './io.js'
import { imagesPerSecond, type Report, type RunInfo } from './report.js'
import { bar, clip, pad } from './table.js'

const labelWidth = 36
const barWidth = 24

/** For people: a table for each image on stdout, failures and times on stderr. */
export function textReport({ stdout, stderr, env }: Pick<Io, 'stdout' | 'stderr' | 'env'>): Report {
  const colour = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  const style = (code: number, text: string): string => (colour && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text)
  const [bold, dim, green] = [1, 2, 32].map((code) => (text: string) => style(code, text)) as [Style, Style, Style]
  let run: RunInfo | undefined
  return {
    // The command itself says it on stderr.
    refuse() {},
    begin(info) {
      run = info
    },
    image(file, predictions) {
      const labels = predictions.map(({ label }) => clip(oneLine(label), labelWidth))
      const width = Math.max(...labels.map((label) => stringWidth(label)))
      const rankWidth = String(predictions.length).length
      const lines = predictions.map(({ probability }, i) => {
        const rank = pad(String(i + 1), rankWidth, 'right')
        const label = pad(labels[i]!, width)
        const percent = `${(100 * probability).toFixed(1).padStart(5)} %`
        return `  ${dim(rank)}  ${i === 0 ? bold(label) : label}  ${percent}  ${green(bar(probability, barWidth))}`.trimEnd()
      })
      stdout.write(`${bold(oneLine(file))}\n${lines.join('\n')}\n\n`)
    },
    failure(file, error) {
      stderr.write(`error: ${oneLine(file)}: ${oneLine(error)}\n`)
    },
    end(summary, error) {
      if (error !== undefined || run === undefined) return
      const { images, failed, seconds } = summary
      const speed = `${count(images - failed, 'image')} in ${seconds.toFixed(2)} s (${imagesPerSecond(summary)} images/s)`
      const { model, device, threads, inputSize, batch } = run
      const setup = `${model}, ${inputSize.join(' x ')}, ${device}, ${count(threads, 'thread')}, batch ${batch}`
      stderr.write(`${speed}: ${setup}\n`)
      if (failed > 0) stderr.write(`error: ${failed} of ${count(images, 'image')} could not be classified\n`)
    },
  }
}

type Style = (text: string) => string

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

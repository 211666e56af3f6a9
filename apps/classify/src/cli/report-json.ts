import type { TextOut } from './io.js'
import { imagesPerSecond, type Report } from './report.js'

/**
 * For programs: one JSON document, written image by image so that memory stays flat, and closed also when the run ends early
 * (it then has an `error`).
 */
export function jsonReport(stdout: TextOut): Report {
  let results = 0
  const result = (value: object): void => {
    stdout.write(`${results++ === 0 ? '' : ','}\n    ${JSON.stringify(value)}`)
  }
  return {
    refuse: (error) => void stdout.write(`${JSON.stringify({ results: [], images: 0, failed: 0, error }, undefined, 2)}\n`),
    begin(run) {
      const head = Object.entries(run)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`)
      stdout.write(`{\n${head.join('')}  "results": [`)
    },
    image: (file, predictions) => result({ file, predictions }),
    failure: (file, error) => result({ file, error }),
    end(summary, error) {
      const tail = { ...summary, imagesPerSecond: imagesPerSecond(summary), ...(error !== undefined && { error }) }
      stdout.write(`\n  ],\n${JSON.stringify(tail, undefined, 2).slice(2)}\n`)
    },
  }
}

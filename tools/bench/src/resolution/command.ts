import { writeFile } from 'node:fs/promises'
import { writeChart } from '@scanline/cost'
import { Command, Option } from 'commander'
import { deviceNames } from '../devices.js'
import { wholeNumber, wholeNumbers } from '../options.js'
import type { Environment } from '../run.js'
import { formatStudy, studyChart } from './report.js'
import { checkSizes, type Network, networks, studyResolution } from './study.js'

interface Flags {
  readonly sizes: number[]
  readonly networks: Network[]
  readonly device: string
  readonly threads: number
  readonly ms: number
  readonly out?: string
}

const names = Object.keys(networks)

/** `bench resolution`: what Vim-Tiny costs against the size of the image, beside the same network with attention. */
export const resolutionCommand = (output: Environment & { out(text: string): void }, done: (failed: boolean) => void): Command =>
  new Command('resolution')
    .summary('Vim-Tiny against the size of the image, beside attention in place of its scans')
    .description(
      'Time and peak memory of Vim-Tiny at growing sizes, beside the same network with attention in place of its scans, each in a fresh process.',
    )
    .option('--sizes <list>', 'pixels a side, multiples of 16', wholeNumbers, [224, 384, 512, 640, 768, 896, 1024, 1248])
    .addOption(new Option('--networks <names...>', 'which to measure').choices(names).default(names))
    .addOption(new Option('--device <name>', 'where to run').choices(deviceNames).default('wasm'))
    .option('--threads <n>', 'threads', wholeNumber, 1)
    .option('--ms <n>', 'milliseconds to time each point; at least one run', wholeNumber, 2000)
    .option('--out <path>', 'write path.json, .md, .svg and .png; what path.json holds already is kept')
    .action(async ({ out, ms, ...flags }: Flags) => {
      checkSizes(flags.sizes)
      const study = await studyResolution({ ...flags, minMs: ms, ...(out && { file: `${out}.json` }) }, output)
      output.out(formatStudy(study))
      if (out) {
        await writeFile(`${out}.md`, formatStudy(study, true))
        for (const ending of ['.svg', '.png']) await writeChart(studyChart(study), `${out}${ending}`)
      }
      done(study.points.some(({ notRun }) => notRun !== undefined))
    })

import { chooseDevice } from '@scanline/devices'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { deviceNames } from './devices.js'
import { FormatError } from './errors.js'
import { expand } from './files.js'
import { type FileResult, type FileStatus, runFiles } from './run.js'
import { formatFile, formatSummary } from './table.js'

export interface Output {
  out(text: string): void
  err(text: string): void
}

/** What the process ends with; of several files the highest counts. */
const exitStatus: Readonly<Record<FileStatus, number>> = { holds: 0, broken: 1, 'not supported yet': 1, unreadable: 2 }

interface Flags {
  readonly device: string
  readonly threads?: number
  readonly json?: boolean
}

/** The command line. Resolves to the exit status: 0 when every bound holds, 1 when not, 2 for what cannot be read. */
export async function main(args: readonly string[], { out, err }: Output): Promise<number> {
  let status = 0
  const command = new Command('golden')
    .description('Runs reference-value files on a device, eager and compiled, and prints each error beside its bound.')
    .argument('<path...>', 'reference files; a folder means every .json file below it')
    .addOption(new Option('--device <name>', 'where to run').choices(deviceNames).default('auto'))
    .option('--threads <n>', 'threads of the device (default: as many as can run at once)', wholeNumber)
    .option('--json', 'print one JSON document instead of tables')
    .addHelpText(
      'after',
      '\nExit status: 0 every bound holds; 1 a bound is broken, or a file asks for what is not supported yet; 2 a file or an argument cannot be read.',
    )
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
    .action(async (paths: string[], { json, ...options }: Flags) => {
      const results: FileResult[] = []
      const device = options.device === 'auto' ? (await chooseDevice()).name : options.device
      if (options.device === 'auto' && !json) out(`device: ${device}\n`)
      for await (const result of runFiles(expand(paths), { ...options, device })) {
        results.push(result)
        if (result.problem !== undefined) err(formatFile(result))
        else if (!json) out(`${formatFile(result)}\n`)
      }
      if (results.length === 0) throw new FormatError('', `no .json file below ${paths.join(', ')}`)
      out(json ? `${JSON.stringify({ device, files: results }, infinityAsText, 2)}\n` : formatSummary(results))
      status = Math.max(...results.map((result) => exitStatus[result.status]))
    })
  try {
    await command.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    err(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
}

/** JSON has no NaN or infinity. */
const infinityAsText = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1 on')
  return value
}

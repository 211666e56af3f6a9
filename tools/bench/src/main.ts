import { open, writeFile } from 'node:fs/promises'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type { Case } from './cases.js'
import { deviceNames } from './devices.js'
import { BenchError } from './errors.js'
import { kernelName, kernelShapes } from './kernels.js'
import { checkModel } from './models.js'
import { list, wholeNumber, wholeNumbers } from './options.js'
import { choosePeers } from './peers/index.js'
import { resolutionCommand } from './resolution/command.js'
import { type Environment, type Plan, run } from './run.js'
import { formatReport } from './table.js'

export interface Output extends Environment {
  out(text: string): void
  err(text: string): void
}

interface Flags {
  readonly model?: string[]
  readonly kernels?: string[] | true
  readonly profile?: boolean
  readonly size: number
  readonly device: string[]
  readonly threads: number[]
  readonly batch: number[]
  readonly runs: number
  readonly peer: string[]
  readonly json?: string
}

/** What the process ends with after Ctrl-C, as shells expect. */
const interruptedStatus = 130

/** The command line. Resolves to the exit status: 0, or 1 when a case failed, 2 for wrong arguments, 130 after Ctrl-C. */
export async function main(args: readonly string[], output: Output): Promise<number> {
  let status = 0
  const command = new Command('bench')
    .description("Measures models and kernels, against the machine's own limits and against peers, in one run.")
    .option('--model <names>', 'models to measure', list)
    .option('--kernels [parts]', 'kernels to measure instead: all, or those whose name contains one of the parts', list)
    .option('--profile', 'where the time of each model goes, step by step')
    .option('--size <pixels>', 'height and width of the images', wholeNumber, 224)
    .option('--device <names>', `where to run: of ${deviceNames.join(', ')}`, knownDevices, ['wasm'])
    .option('--threads <list>', 'thread counts', wholeNumbers, [1])
    .option('--batch <list>', 'images at a time', wholeNumbers, [1])
    .option('--runs <n>', 'runs to time at least, besides two seconds', wholeNumber, 30)
    .option('--peer <names>', 'libraries to run beside it: none, all, or names', list, ['none'])
    .option('--json <file>', 'write everything that was found out')
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.err })
  command.action(async (flags: Flags) => {
    const planned = plan(flags, args)
    if (flags.json) await mustBeWritable(flags.json)
    const report = await run(planned, output)
    output.progress('')
    output.out(formatReport(report))
    if (flags.json) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`)
    const failed = report.results.some((r) => r.notRun !== undefined && r.runner.name === 'scanline')
    status = report.interrupted ? interruptedStatus : failed ? 1 : 0
  })
  const resolution = resolutionCommand(output, (failed) => {
    status = output.signal?.aborted ? interruptedStatus : failed ? 1 : 0
  })
  command.addCommand(resolution.copyInheritedSettings(command))
  try {
    await command.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    output.err(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
}

function knownDevices(text: string): string[] {
  const names = list(text)
  const odd = names.find((name) => !deviceNames.includes(name))
  if (odd !== undefined) throw new InvalidArgumentError(`There is no device "${odd}"; choose of ${deviceNames.join(', ')}.`)
  return names
}

/** Throws `BenchError` for what cannot be asked for. */
function plan(
  { model, kernels, size, device, threads, batch, runs, peer, profile = false }: Flags,
  command: readonly string[],
): Plan {
  if ((model === undefined) === (kernels === undefined))
    throw new BenchError('say what to measure: either --model NAMES or --kernels')
  if (profile && !model) throw new BenchError('--profile needs --model: a kernel is a single step')
  for (const name of model ?? []) checkModel(name)
  const groups: Case[][] = model
    ? model.map((name) => batch.map((images) => ({ kind: 'model', model: name, size, batch: images })))
    : chosenKernels(kernels ?? true).map((shape) => [{ kind: 'kernel', shape }])
  return { groups, devices: device, threads, peers: choosePeers(peer), runs, minMs: 2000, warmUpMs: 15_000, profile, command }
}

/** Before minutes of measuring that could not be kept. */
async function mustBeWritable(file: string): Promise<void> {
  try {
    await (await open(file, 'a')).close()
  } catch (error) {
    throw new BenchError(`--json ${file}: cannot be written (${error instanceof Error ? error.message : error})`)
  }
}

function chosenKernels(parts: readonly string[] | true) {
  if (parts === true) return kernelShapes
  const names = kernelShapes.map(kernelName)
  const odd = parts.find((part) => !names.some((name) => name.includes(part)))
  if (odd) throw new BenchError(`no kernel's name contains "${odd}"; there are:\n  ${names.join('\n  ')}`)
  return kernelShapes.filter((shape) => parts.some((part) => kernelName(shape).includes(part)))
}

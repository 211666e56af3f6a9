import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { damagedFiles, makeDataset, type Progress } from './dataset.js'
import { ShapesError } from './errors.js'
import { CLASSES } from './outlines.js'
import { type Counts, checkOptions, type DatasetOptions, DEFAULTS, SPLITS } from './plan.js'
import { contactSheet } from './sheet.js'

export interface Output {
  out(text: string): void
  err(text: string): void
  readonly progress?: Progress & { clear(): void }
  /** Ctrl-C. */
  readonly signal?: AbortSignal
}

interface Flags {
  readonly classification: Counts
  readonly scenes: Counts
  readonly size: number
  readonly sceneSize: number
  readonly classes: number
  readonly difficulty: number
  readonly seed: number
  readonly workers: number
  readonly sheet?: string
  readonly verify?: boolean
}

/** What the process ends with after Ctrl-C, as shells expect. */
const interruptedStatus = 130

/** The command line. Resolves to the exit status: 0, 1 when files are damaged or cannot be written, 2 for wrong arguments, 130 after Ctrl-C. */
export async function main(args: readonly string[], output: Output): Promise<number> {
  let status = 0
  const { classification, scenes } = DEFAULTS
  const command = new Command('shapes')
    .description('Makes pictures of shapes with ground truth from a seed: the same bytes on every machine.')
    .argument('[folder]', 'where to; an unfinished data set there is completed')
    .option('--classification <train,val,test>', 'pictures for classification, 0 for none', counts, pick(classification))
    .option('--scenes <train,val,test>', 'pictures for detection and segmentation, 0 for none', counts, pick(scenes))
    .option('--size <pixels>', 'side of the pictures for classification', Number, classification.size)
    .option('--scene-size <pixels>', 'side of the scenes', Number, scenes.size)
    .option('--classes <n>', `how many of ${CLASSES.join(', ')}`, Number, DEFAULTS.classes)
    .option('--difficulty <0…1>', 'contrast, clutter, occlusion, light, noise', Number, DEFAULTS.difficulty)
    .option('--seed <n>', 'what everything is drawn from', Number, DEFAULTS.seed)
    .option('--workers <n>', 'threads; 0 for none', Number, availableParallelism())
    .option('--sheet <file.png>', 'draws a page of examples, with or without a folder')
    .option('--verify', 'compares a finished data set with its checksums instead')
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .action(async (folder: string | undefined, flags: Flags) => {
      if (!folder && (!flags.sheet || flags.verify)) throw new ShapesError('name the folder to write, or --sheet FILE')
      if (folder && flags.verify) status = verify(folder, output)
      else status = await make(folder, flags, output)
    })
  try {
    await command.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    output.progress?.clear()
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (output.signal?.aborted) {
      output.err('stopped; the same command goes on from here\n')
      return interruptedStatus
    }
    output.err(`${error instanceof Error ? error.message : error}\n`)
    return error instanceof ShapesError ? 2 : 1
  }
}

async function make(folder: string | undefined, flags: Flags, { out, progress, signal }: Output): Promise<number> {
  const { seed, classes, difficulty, size, sceneSize, workers } = flags
  const options: DatasetOptions = {
    seed,
    classes,
    difficulty,
    classification: { ...flags.classification, size },
    scenes: { ...flags.scenes, size: sceneSize },
  }
  checkOptions(options)
  if (!Number.isInteger(workers) || workers < 0) throw new ShapesError(`--workers is a whole number from 0, not ${workers}`)
  if (flags.sheet) {
    await writeFile(flags.sheet, contactSheet(options))
    out(`${flags.sheet}: a page of examples\n`)
  }
  if (!folder) return 0
  const { hash, files } = await makeDataset(folder, options, {
    workers,
    ...(progress && { progress }),
    ...(signal && { signal }),
  })
  progress?.clear()
  out(`${folder}: ${Object.keys(files).length} files, sha256 ${hash}\n`)
  return 0
}

function verify(folder: string, { out, err }: Output): number {
  const damaged = damagedFiles(folder)
  for (const path of damaged) err(`${path}: missing or not what it was\n`)
  out(damaged.length === 0 ? `${folder}: every file is as it was made\n` : `${folder}: ${damaged.length} files are damaged\n`)
  return damaged.length === 0 ? 0 : 1
}

const pick = ({ train, val, test }: Counts): Counts => ({ train, val, test })

function counts(text: string): Counts {
  const numbers = text.split(',').map(Number)
  if (numbers.length === 1 && numbers[0] === 0) return { train: 0, val: 0, test: 0 }
  if (numbers.length !== SPLITS.length || numbers.some((n) => !Number.isSafeInteger(n) || n < 0))
    throw new InvalidArgumentError('expected three whole numbers for train,val,test, or 0.')
  const [train, val, test] = numbers as [number, number, number]
  return { train, val, test }
}

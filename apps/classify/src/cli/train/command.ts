import { type Command, InvalidArgumentError, Option } from 'commander'
import { knownDevice, knownModel, wholeNumber } from '../options.js'
import { recipeFlags } from './recipe-flags.js'
import type { TrainOptions } from './resolve.js'

const examples = `
Examples:
  scanline-classify train data/flowers --model mambaout_femto --pretrained --recipe small --img-size 224 --epochs 10
  scanline-classify train data/shapes/classification --model test_mambaout --recipe small --device cpu
  scanline-classify train --resume output/train/20260101-120000-test_mambaout-64

A run goes on to the same bits after Ctrl-C, a crash or a power failure, on the same device with as many threads; best metric and
kept checkpoints are restored too.`

/** Adds `train` to the program. */
export function addTrain(
  program: Command,
  describeDevices: string,
  action: (data: string | undefined, options: TrainOptions) => Promise<void>,
): void {
  const command = program
    .command('train')
    .description('trains a model on a folder of images: train/CLASS/*, val/CLASS/*')
    .argument('[data]', 'the folder; on a resume the one of the run')
    .option('-m, --model <name>', 'model to train: test_mambaout', knownModel)
    .option('--model-config <json>', 'other values of its configuration, such as {"depths":[1,1,2,1]}', jsonRecord)
    .option('--recipe <name>', "a published recipe, small, or a .json file; the model's own unless told otherwise")
    .option('--set <name=value>', 'any value of the recipe, such as schedule.rate=1e-3', (text: string, all: string[] = []) => [
      ...all,
      text,
    ])
    .option('--pretrained', 'start from the published weights')
    .option('--init-from <file>', 'start from a safetensors or PyTorch file, a hub id, an address')
    .option('--resume <folder>', 'go on with a run')
    .option('-o, --output <folder>', 'where runs are', 'output/train')
    .option('--experiment <name>', 'folder of the run in it; date, model and size unless told otherwise')
    .option('--train-split <name>', 'its folder, or a synonym: train')
    .option('--val-split <name>', 'its folder, or a synonym: validation')
    .option('--class-map <file>', 'names of the classes, one a line, in their order')
    .option('--num-classes <n>', 'how many classes there must be', wholeNumber(2, 1_000_000))
    .option('--validation-batch-size <n>', 'as many as in training unless told otherwise', wholeNumber(1, 65_536))
    .option('--mixup-off-epoch <n>', 'the first epoch without mixing', wholeNumber(0, 1_000_000))
    .addOption(new Option('--eval-metric <name>', 'what the best epoch is chosen by: top1').choices(['top1', 'loss']))
    .option('--checkpoint-hist <n>', 'checkpoints of best epochs to keep: 10', wholeNumber(0, 100_000))
    .option('--recovery-interval <n>', 'updates between saves within an epoch: none', wholeNumber(0, 1_000_000_000))
    .addOption(new Option('--damaged <what>', 'an image that cannot be read: skip').choices(['skip', 'stop']))
    .addOption(new Option('--recompute <unit>', 'computes activations twice to save memory').choices(['blocks', 'stages']))
    .option('-d, --device <name>', `where to compute: ${describeDevices}`, knownDevice)
    .option('-t, --threads <n>', 'threads of the device; all processors unless told otherwise', wholeNumber(1, 256))
    .option('-j, --workers <n>', 'threads that prepare images, for each split', wholeNumber(0, 256))
    .option('--offline', 'use what was downloaded before, and no network')
  for (const { flags, about, parse } of recipeFlags) command.option(flags, about, parse)
  command.addHelpText('after', examples).action(action)
}

export function jsonRecord(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('Use a JSON record such as {"depths":[1,1,2,1]}.')
}

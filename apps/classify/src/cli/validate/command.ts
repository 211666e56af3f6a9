import { type Command, InvalidArgumentError, Option } from 'commander'
import { knownDevice, wholeNumber } from '../options.js'
import { jsonRecord } from '../train/command.js'
import type { ValidateOptions } from './validate.js'

/** Of published commands: there is one precision and one layout here, and threads always prepare images. */
const withoutEffect = [
  '--amp',
  '--amp-dtype <name>',
  '--channels-last',
  '--no-prefetcher',
  '--pin-mem',
  '--torchcompile [name]',
  '--log-freq <n>',
]

/** Adds `validate` to the program. */
export function addValidate(
  program: Command,
  describeDevices: string,
  action: (data: string, options: ValidateOptions) => Promise<void>,
): void {
  const command = program
    .command('validate')
    .description('accuracy of models on a folder of labelled images')
    .argument('<data>', 'the folder: CLASS/*, or a folder of splits')
    .option('--split <name>', 'its folder, or a synonym', 'validation')
    .option('-m, --model <name>', 'a model, `all`, a pattern, or a .txt file of names: mambaout_femto')
    .option('--model-config <json>', 'other values of its configuration', jsonRecord)
    .option(
      '--checkpoint <file>',
      'weights; of a folder every checkpoint. A run of train knows its model. Else the published ones',
    )
    .option('--pretrained', 'the published weights, as without --checkpoint')
    .option('--use-ema', 'the averaged weights of a training file; default for EfficientViM')
    .option('-b, --batch-size <n>', 'images in one run', wholeNumber(1, 65_536), 64)
    .option('--img-size <n>', 'height and width of the images', wholeNumber(8, 8192))
    .option('--input-size <n...>', 'channels, height, width', number)
    .option('--use-train-size', 'the size that the model was trained with')
    .option('--crop-pct <x>', 'part of the resized image that is kept', (text: string) => number(text)[0])
    .addOption(new Option('--crop-mode <mode>', 'how images are cropped').choices(['center', 'squash', 'border']))
    .addOption(new Option('--interpolation <name>', 'how they are resized').choices(['bicubic', 'bilinear']))
    .option('--mean <x...>', 'of the pixels', number)
    .option('--std <x...>', 'of the pixels', number)
    .option('--real-labels <file>', 're-assessed labels of ImageNet, a JSON list')
    .option('--valid-labels <file>', 'the only classes to judge on, an index a line')
    .option('--class-map <file>', 'names of the classes, one a line, in their order')
    .option('--num-classes <n>', 'of the model', wholeNumber(1, 1_000_000))
    .option('--gp <kind>', 'global pooling of MambaOut')
    .option('--results-file <file>', 'where the results go')
    .addOption(new Option('--results-format <format>', 'of that file').choices(['csv', 'json']).default('csv'))
    .option('--retry', 'after an error try smaller batches')
    .addOption(new Option('--damaged <what>', 'an image that cannot be read').choices(['skip', 'stop']).default('skip'))
    .option('-d, --device <name>', `where to compute: ${describeDevices}`, knownDevice, 'auto')
    .option('-t, --threads <n>', 'threads of the device; all processors unless told otherwise', wholeNumber(1, 256))
    .option('-j, --workers <n>', 'threads that prepare images', wholeNumber(0, 256))
    .option('--offline', 'use what was downloaded before, and no network')
  for (const flags of withoutEffect) command.addOption(new Option(flags).hideHelp())
  command.action(action)
}

/** Gathers the numbers of an option that takes several. */
function number(text: string, before: readonly number[] = []): number[] {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return [...before, value]
  throw new InvalidArgumentError('Use numbers.')
}

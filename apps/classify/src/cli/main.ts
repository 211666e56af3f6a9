import { Command, CommanderError, Option } from 'commander'
import { describeDevices } from './devices.js'
import { type ExportOptions, exportModel } from './export.js'
import { exitCodes, explain, Failure } from './failure.js'
import type { Io } from './io.js'
import { models } from './models.js'
import { knownDevice, knownModel, wholeNumber } from './options.js'
import { type PredictOptions, predict } from './predict.js'
import { addTrain } from './train/command.js'
import { train } from './train/train.js'
import { addValidate } from './validate/command.js'
import { validate } from './validate/validate.js'

const examples = `
Examples:
  scanline-classify predict photo.jpg
  scanline-classify predict photos/ https://example.org/cat.png --model mambaout_tiny --topk 3
  scanline-classify predict photos/ --weights mine.safetensors --classes names.txt --json > result.json
  scanline-classify export mambaout_tiny.onnx --model mambaout_tiny
  scanline-classify train flowers/ --model mambaout_femto --pretrained --recipe small --img-size 224
  scanline-classify validate flowers/ --checkpoint output/train/20260101-120000-mambaout_femto-224

Exit status:
  ${exitCodes.ok}    all went well: every image was classified, the training finished
  ${exitCodes.failed}    an image could not be read, or the model could not be loaded
  ${exitCodes.usage}    the command line is wrong
  ${exitCodes.interrupted}  interrupted (Ctrl-C)`

/** Runs one command line and gives its exit status. Results go to stdout, all else to stderr. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let status: number = exitCodes.ok
  const program = new Command('scanline-classify')
    .description('Says what images show, and learns it.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    .addHelpText('after', examples)

  program
    .command('predict')
    .description('the most probable classes of images: files, folders (with all below them), http(s) addresses')
    .argument('<images...>')
    .option('-m, --model <name>', 'model to use', knownModel, 'mambaout_femto.in1k')
    .option('-w, --weights <file>', 'weights instead of the published ones: a safetensors or PyTorch file, a hub id, an address')
    .option('-c, --classes <file>', "names of the weights' classes, one a line; ImageNet's for 1000 classes, else numbers")
    .option('-k, --topk <n>', 'classes to show for each image', wholeNumber(1, 100_000), 5)
    .option('--json', 'print one JSON document instead of tables')
    .option('-d, --device <name>', `where to compute: ${describeDevices()}`, knownDevice, 'auto')
    .option('-t, --threads <n>', 'threads of the device; all processors unless told otherwise', wholeNumber(1, 256))
    .option('-b, --batch <n>', 'images in one run', wholeNumber(1, 1024), 1)
    .option(
      '-s, --size <n>',
      "height and width that images are brought to; the model's own unless told otherwise",
      wholeNumber(32, 2048),
    )
    .option('--averaged', 'the averaged weights of a training file; default for EfficientViM')
    .option('--no-averaged', 'the weights of its last step; default for all others')
    .option('--offline', 'use what was downloaded before, and no network')
    .addHelpText('after', examples)
    .action(async (images: string[], options: PredictOptions) => {
      status = await predict(images, options, io)
    })

  program
    .command('models')
    .description('the models there are, with their published figures')
    .argument('[glob]', "names to list, such as '*tiny*'", '*')
    .option('--json', 'print the whole configurations as JSON')
    .action((glob: string, options: { json?: boolean }) => {
      status = models(glob, options, io)
    })

  program
    .command('export')
    .description('writes a model as an ONNX file of standard operators, for any number of images')
    .argument('<file>', 'the file to write; above 2 GiB its weights go to <file>.data beside it')
    .option('-m, --model <name>', 'model to write', knownModel, 'mambaout_femto.in1k')
    .option('-w, --weights <file>', 'weights instead of the published ones: a safetensors or PyTorch file, a hub id, an address')
    .option('--random', 'random weights instead')
    .option('--averaged', 'the averaged weights of a training file; default for EfficientViM')
    .option('--no-averaged', 'the weights of its last step; default for all others')
    .option('-c, --classes <file>', "names of the weights' classes, one a line, to be kept in the file")
    .option('-s, --size <n>', "height and width of the images; the model's own unless told otherwise", wholeNumber(32, 2048))
    .option('--features', "the feature maps of the model's stages instead of class scores")
    .option('--opset <n>', 'version of the standard operators', wholeNumber(17, 22), 20)
    .addOption(new Option('--layout <axes>', 'axes of images and maps').choices(['NCHW', 'NHWC']).default('NCHW'))
    .option('--offline', 'use what was downloaded before, and no network')
    .action(async (file: string, options: ExportOptions) => {
      status = await exportModel(file, options, io)
    })

  addTrain(program, describeDevices(), async (data, options) => {
    status = await train(data, options, io)
  })
  addValidate(program, describeDevices(), async (data, options) => {
    status = await validate(data, options, io)
  })

  try {
    await program.parseAsync(argv, { from: 'user' })
    return status
  } catch (error) {
    return report(error, io)
  }
}

/** One line for what went wrong, unless commander or the user's own Ctrl-C has said it. */
function report(error: unknown, { stderr, signal }: Io): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (signal.aborted) return exitCodes.interrupted
  stderr.write(`error: ${explain(error)}\n`)
  return error instanceof Failure ? error.exitCode : exitCodes.failed
}

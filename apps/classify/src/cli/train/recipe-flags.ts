import { InvalidArgumentError } from 'commander'

/** A flag of `train` and the value of a recipe that it replaces. */
export interface RecipeFlag {
  readonly flags: string
  readonly about: string
  /** Where the value is in a recipe. */
  readonly path: string
  readonly parse: (text: string) => unknown
}

const number =
  (low = 0, high = Number.POSITIVE_INFINITY) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() !== '' && value >= low && value <= high) return value
    throw new InvalidArgumentError(`Use a number from ${low}${high === Number.POSITIVE_INFINITY ? '' : ` to ${high}`}.`)
  }
const whole =
  (low: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= low && Number.isSafeInteger(value)) return value
    throw new InvalidArgumentError(`Use a whole number from ${low}.`)
  }
const oneOf =
  (...names: string[]) =>
  (text: string): string => {
    if (names.includes(text)) return text
    throw new InvalidArgumentError(`Use one of ${names.join(', ')}.`)
  }
const positiveOrNone = (text: string): number | null => number()(text) || null
const pair = (text: string): number[] => {
  const values = text.split(',').map(number())
  if (values.length === 2 && values[0]! <= values[1]!) return values
  throw new InvalidArgumentError('Use two numbers, such as 0.08,1.')
}

/** timm's names, as in the published commands. Every other value of a recipe is replaced by `--set`. */
export const recipeFlags: readonly RecipeFlag[] = [
  { flags: '-b, --batch-size <n>', about: 'images of a step', path: 'batch.perDevice', parse: whole(1) },
  {
    flags: '--grad-accum-steps <n>',
    about: 'steps whose gradients make one update',
    path: 'batch.accumulation',
    parse: whole(1),
  },
  { flags: '--img-size <n>', about: 'height and width of the images', path: 'size', parse: whole(8) },
  { flags: '--epochs <n>', about: 'length of the schedule', path: 'schedule.epochs', parse: whole(1) },
  { flags: '--cooldown-epochs <n>', about: 'more of them, at the lowest rate', path: 'schedule.cooldownEpochs', parse: whole(0) },
  { flags: '--warmup-epochs <n>', about: 'in which the rate rises', path: 'schedule.warmupEpochs', parse: number() },
  { flags: '--lr <rate>', about: 'highest learning rate', path: 'schedule.rate', parse: number() },
  { flags: '--min-lr <rate>', about: 'lowest learning rate', path: 'schedule.min', parse: number() },
  { flags: '--warmup-lr <rate>', about: 'rate at the start', path: 'schedule.warmupRate', parse: number() },
  { flags: '--opt <name>', about: 'adamw, lamb or sgd', path: 'optimizer.name', parse: oneOf('adamw', 'lamb', 'sgd') },
  { flags: '--weight-decay <x>', about: 'of the optimizer', path: 'weightDecay', parse: number() },
  { flags: '--clip-grad <norm>', about: 'largest norm of all gradients; 0 for none', path: 'clipNorm', parse: positiveOrNone },
  { flags: '--drop-path <rate>', about: 'of the last block', path: 'dropPath', parse: number(0, 1) },
  { flags: '--smoothing <x>', about: 'of labels', path: 'labelSmoothing', parse: number(0, 1) },
  { flags: '--mixup <alpha>', about: '0 for none', path: 'mix.mixupAlpha', parse: number() },
  { flags: '--cutmix <alpha>', about: '0 for none', path: 'mix.cutmixAlpha', parse: number() },
  { flags: '--mixup-prob <x>', about: 'probability of mixing', path: 'mix.prob', parse: number(0, 1) },
  { flags: '--mixup-switch-prob <x>', about: 'of cutmix, where both are on', path: 'mix.switchProb', parse: number(0, 1) },
  { flags: '--mixup-mode <mode>', about: 'batch, pair or elem', path: 'mix.mode', parse: oneOf('batch', 'pair', 'elem') },
  { flags: '--aa <policy>', about: 'rand-m9-mstd0.5-inc1, three-augment, none', path: 'augment.autoAugment', parse: String },
  { flags: '--reprob <x>', about: 'probability of random erasing', path: 'augment.erasing.probability', parse: number(0, 1) },
  { flags: '--hflip <x>', about: 'probability of a flip', path: 'augment.flip', parse: number(0, 1) },
  { flags: '--scale <min,max>', about: 'part of an image that a crop keeps', path: 'augment.cropScale', parse: pair },
  { flags: '--ratio <min,max>', about: 'width over height of a crop', path: 'augment.cropRatio', parse: pair },
  {
    flags: '--train-interpolation <name>',
    about: 'bilinear, bicubic or random',
    path: 'augment.interpolation',
    parse: oneOf('bilinear', 'bicubic', 'random'),
  },
  { flags: '--model-ema-decay <x>', about: 'of averaged weights; 0 for none', path: 'average', parse: positiveOrNone },
  {
    flags: '--crop-pct <x>',
    about: 'part of an image that evaluation keeps',
    path: 'evaluation.cropPct',
    parse: number(0.01, 1),
  },
  { flags: '--seed <n>', about: 'of everything that is random', path: 'seed', parse: whole(0) },
]

import {
  type Box,
  cutBox,
  type Draws,
  drawBoxWithin,
  type MixOptions,
  mixImages,
  mixTargets,
  planMix,
  shareOf,
} from '@scanline/train'
import { compareTensor, relativeError } from '../compare.js'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'
import { fillInput, fnv1a32, wordAt } from '../fill.js'
import { type Context, type Kind, noteUnknown } from '../kind.js'
import { readReference, sizeOf } from '../reference.js'
import { isTraining } from '../training/match.js'

/** Boxes, mixed batches and targets. Files are channels first, Scanline channels last. */
export const trainingMixup: Kind = {
  name: 'mixup and cutmix',
  matches: (file) => isTraining(file, 'float_cases', 'draws', 'mode'),
  run: async (file, context) => {
    await noteUnknown(context, file, ['readme', 'shape', 'labels', 'boxes', 'minmax_boxes', 'float_cases', 'byte_cases'])
    checkBoxes(context, file)
    for (const kind of ['float_cases', 'byte_cases'] as const)
      for (const [i, entry] of (file.maybe(kind)?.list() ?? []).entries())
        await context.part(`${kind}[${i}]`, () => runCase(context, file, entry, kind, `${kind}[${i}]`))
  },
}

/** The file's draws, each of which must be asked for as it stands there. */
class Script implements Draws {
  readonly #draws: readonly Field[]
  #at = 0

  constructor(draws: Field) {
    this.#draws = draws.list()
  }
  uniform(): number {
    return this.#next('rand', [])
  }
  beta(alpha: number): number {
    return this.#next('beta', [alpha, alpha])
  }
  integer(low: number, high: number): number {
    return this.#next('randint', [low, high])
  }
  get left(): number {
    return this.#draws.length - this.#at
  }
  #next(name: string, args: readonly number[]): number {
    const draw = this.#draws[this.#at++]
    const [found, given, value] = draw?.tuple(3) ?? []
    if (found?.string() !== name || String(given?.numbers()) !== String(args))
      throw new Error(`draw ${this.#at - 1} is ${JSON.stringify(draw?.value)}, and ${name}(${args.join(', ')}) was asked for`)
    return value.number()
  }
}

function checkBoxes(context: Context, file: Field): void {
  const differ = (found: Box, expected: readonly number[]): number =>
    [found.top, found.bottom, found.left, found.right].filter((v, i) => v !== expected[i]).length
  for (const [i, entry] of (file.maybe('boxes')?.list() ?? []).entries()) {
    const number = (key: string) => entry.at(key).number()
    const size = [number('height'), number('width')] as const
    const box = cutBox(size, number('lam'), [number('centre_y'), number('centre_x')])
    context.check({ name: `boxes[${i}]`, error: differ(box, ['yl', 'yh', 'xl', 'xh'].map(number)), bound: 0 })
    context.check({ name: `boxes[${i}] share`, error: Math.abs(shareOf(box, size) - number('lam_corrected')), bound: 1e-14 })
  }
  for (const [i, entry] of (file.maybe('minmax_boxes')?.list() ?? []).entries()) {
    const size = [entry.at('height').number(), entry.at('width').number()] as const
    const range = entry.at('minmax').numbers() as [number, number]
    const box = drawBoxWithin(size, range, new Script(entry.at('draws')))
    context.check({ name: `minmax_boxes[${i}]`, error: differ(box, entry.at('box').numbers()), bound: 0 })
    context.check({
      name: `minmax_boxes[${i}] share`,
      error: Math.abs(shareOf(box, size) - entry.at('lam_corrected').number()),
      bound: 1e-14,
    })
  }
}

const known = [
  'mixup_alpha',
  'cutmix_alpha',
  'cutmix_minmax',
  'prob',
  'switch_prob',
  'label_smoothing',
  'num_classes',
  'mode',
  'correct_lam',
]

function readOptions(entry: Field): MixOptions & { readonly classes: number; readonly smoothing: number } {
  const args = entry.at('args')
  const unknown = args.keys().find((key) => !known.includes(key))
  if (unknown !== undefined) throw new NotSupportedError(`${args.path}.${unknown}`)
  const number = (key: string, fallback: number) => args.maybe(key)?.number() ?? fallback
  const range = args.maybe('cutmix_minmax')?.numbers() as [number, number] | undefined
  return {
    mixupAlpha: number('mixup_alpha', 1),
    cutmixAlpha: number('cutmix_alpha', 0),
    ...(range && { cutmixMinMax: range }),
    prob: number('prob', 1),
    switchProb: number('switch_prob', 0.5),
    mode: entry.at('mode').oneOf('batch', 'pair', 'elem', 'half'),
    correctShare: args.maybe('correct_lam')?.boolean() ?? true,
    classes: number('num_classes', 1000),
    smoothing: number('label_smoothing', 0.1),
  }
}

async function runCase(
  context: Context,
  file: Field,
  entry: Field,
  kind: 'float_cases' | 'byte_cases',
  name: string,
): Promise<void> {
  await noteUnknown(context, entry, ['args', 'draws', 'output', 'target'])
  const shape = file.at('shape').shape()
  const [count, channels, height, width] = shape
  const salt = file.at('salt').string()
  const { classes, smoothing, ...options } = readOptions(entry)
  const script = new Script(entry.at('draws'))
  const plan = planMix(options, count, [height, width], script)
  context.check({ name: `${name} draws left`, error: script.left, bound: 0 })

  const seed = fnv1a32(`${salt}:batch`)
  const images =
    kind === 'float_cases'
      ? fillInput('input', shape, salt)
      : Uint8Array.from({ length: sizeOf(shape) }, (_, i) => wordAt(seed, i) >>> 24)
  const mixed = mixImages(moved(images, [count, channels, height * width]), [count, height, width, channels], plan)
  const output = moved(mixed, [plan.length, height * width, channels])
  const expected = entry.at('output').numbers()
  if (kind === 'byte_cases') {
    const apart = expected.filter((v, i) => v !== output[i]).length + Math.abs(expected.length - output.length)
    context.check({ name, error: apart, bound: 0 })
  } else context.check({ name, error: relativeError(output, expected), bound: 1e-7 })
  const target = readReference(entry.at('target'))
  const targets = mixTargets(file.at('labels').shape(), classes, plan, smoothing)
  context.check({ name: `${name} target`, bound: 1e-7, ...compareTensor([plan.length, classes], targets, target) })
}

/** [N, A, B] as [N, B, A]. */
function moved<P extends Float32Array | Uint8Array>(values: P, [n, a, b]: readonly [number, number, number]): P {
  const out = values.slice() as P
  for (let i = 0; i < n; i++)
    for (let x = 0; x < a; x++) for (let y = 0; y < b; y++) out[(i * b + y) * a + x] = values[(i * a + x) * b + y]
  return out
}

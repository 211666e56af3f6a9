import { sizeOf } from '@scanline/tensor'
import { listModels, modelInfo, UnknownModelError } from '@scanline/zoo'
import { CostError } from './errors.js'
import { type Family, type Form, families, type Size } from './families.js'
import { publishedMacs } from './published-rules.js'
import { recordForward } from './record.js'
import { ShapeBackend } from './shape-backend.js'
import { type CountedCall, countCalls, type Kind, kinds } from './work.js'

export interface CountOptions {
  /** The classifier unless told otherwise. */
  readonly form?: Form
  /** Of the images: that of the published figures for a classifier, 800 × 1280 for detection, 512 × 2048 for segmentation. */
  readonly size?: Size
  /** Images at a time: 1. */
  readonly batch?: number
}

/** What a part of a model costs. */
export interface Part {
  readonly name: string
  readonly params: number
  /** Ops that compute something. */
  readonly calls: number
  readonly macs: number
  readonly flops: number
}

/** What a model costs for one batch. */
export interface Cost {
  readonly model: string
  readonly family: Family['name']
  readonly form: Form
  readonly size: Size
  readonly batch: number
  /** Numbers to train. */
  readonly params: number
  /** Multiply-adds as the family's authors count them. */
  readonly publishedMacs: number
  /** What they print for one image of this size, in multiply-adds; absent where they print nothing. */
  readonly published?: number
  /** Multiply-adds, all of them: products, convolutions, attention, scans. */
  readonly macs: number
  readonly macsByKind: Readonly<Record<Exclude<Kind, 'none'>, number>>
  /** Additions, products, comparisons and functions that are no part of a multiply-add. */
  readonly otherFlops: number
  /** All arithmetic: 2 · macs + otherFlops. */
  readonly flops: number
  /** Results of products and convolutions, as fvcore's counter counts activations. */
  readonly activations: number
  readonly stages: readonly Part[]
  readonly ops: readonly Part[]
  readonly modules: readonly Part[]
}

/** Every architecture of every family, without tags of weights. */
export const modelNames = (): string[] => families.flatMap(({ models }) => models)

/** The family of an architecture. Throws the zoo's `UnknownModelError`, with near misses. */
export function familyOf(model: string): Family {
  const family = families.find(({ models }) => models.includes(model))
  if (family) return family
  // Says what is close to it; a name with a tag is known there.
  const known = modelInfo(model).architecture
  throw new UnknownModelError(`"${model}" names weights; "${known}" is the architecture whose cost can be counted`, [known])
}

const denseSizes = { detection: [800, 1280], segmentation: [512, 2048] } as const

/** Pixels that a model's published figures are for. */
export function defaultSize(model: string, form: Form): Size {
  if (form !== 'classifier') return denseSizes[form]
  const info = infosOf(model)[0]
  return info ? [info.inputSize[1], info.inputSize[2]] : [224, 224]
}

const infosOf = (model: string) =>
  listModels(`${model}*`)
    .map((name) => modelInfo(name))
    .filter((info) => info.architecture === model)

/** Thousand million multiply-adds as printed for the model's default weights, or else for others. */
function publishedFigure(model: string, [height, width]: Size): number | undefined {
  if (height !== width) return undefined
  return infosOf(model)
    .map(({ published }) => published.gmacs[height])
    .find((gmacs) => gmacs !== undefined)
}

/** A forward pass of a model, on shapes. Throws `UnknownModelError`, `CostError`, and what building it throws. */
export function recordModel(
  model: string,
  { form = 'classifier', size = defaultSize(model, form), batch = 1 }: CountOptions = {},
) {
  const device = new ShapeBackend()
  const family = familyOf(model)
  const { model: built, forward, without } = family.build(model, { form, size, options: { device } })
  const input = { shape: [batch, ...size, 3], dtype: 'f32' } as const
  return {
    family,
    form,
    size,
    batch,
    params: built
      .namedParameters()
      .filter(([name]) => without === undefined || !name.startsWith(`${without}.`))
      .map(([name, { shape }]) => ({ name, count: sizeOf(shape) })),
    model: built,
    record: recordForward(built, forward, input, device),
  }
}

/**
 * Parameters and work of a model for images of any size, without weights: it is built and traced on shapes alone. Throws
 * `UnknownModelError`, `ShapeError` and `ArgumentError` for a size that the model does not take, `CostError`.
 *
 * @example
 * const { params, macs, publishedMacs } = countModel('mambaout_femto', { size: [224, 224] })
 */
export function countModel(model: string, options: CountOptions = {}): Cost {
  const { family, form, size, batch, params, record } = recordModel(model, options)
  const calls = countCalls(record.calls)
  const sum = (of: (call: CountedCall) => number): number => calls.reduce((n, call) => n + of(call), 0)
  const macs = sum((call) => call.macs)
  const flops = sum((call) => call.flops)
  if (flops < 2 * macs) throw new CostError(`${model} has fewer operations (${flops}) than its ${macs} multiply-adds make`)
  const published = batch === 1 && form === 'classifier' ? publishedFigure(model, size) : undefined
  return {
    model,
    family: family.name,
    form,
    size,
    batch,
    params: params.reduce((n, { count }) => n + count, 0),
    publishedMacs: publishedMacs(calls, record.visits, family.rule),
    ...(published !== undefined && { published: published * 1e9 }),
    macs,
    macsByKind: Object.fromEntries(
      kinds.filter((kind) => kind !== 'none').map((kind) => [kind, sum((call) => (call.kind === kind ? call.macs : 0))]),
    ) as Cost['macsByKind'],
    otherFlops: flops - 2 * macs,
    flops,
    activations: sum((call) => (call.kind === 'none' ? 0 : sizeOf(call.outputs[0].shape))),
    stages: partsBy(calls, ({ path }) => stageOf(path), params, stageOf),
    ops: partsBy(calls, ({ op }) => op.name),
    modules: partsBy(
      calls,
      ({ path }) => path || 'model',
      params,
      (name) => name.slice(0, Math.max(0, name.lastIndexOf('.'))) || 'model',
    ),
  }
}

/** `stages.0`, `patch_embed`, `head`: what a module or parameter of that path belongs to. */
export const stageOf = (path: string): string => /^[^.]+(\.\d+)?/.exec(path)?.[0] ?? 'model'

/** Calls that share a name taken together, with the parameters of the same name, in the order of the model. */
function partsBy(
  calls: readonly CountedCall[],
  nameOf: (call: CountedCall) => string,
  params: readonly { readonly name: string; readonly count: number }[] = [],
  partOf: (parameter: string) => string = (name) => name,
): Part[] {
  const parts = new Map<string, { name: string; params: number; calls: number; macs: number; flops: number }>()
  const part = (name: string) => {
    const known = parts.get(name) ?? { name, params: 0, calls: 0, macs: 0, flops: 0 }
    parts.set(name, known)
    return known
  }
  for (const call of calls) {
    const { macs, flops } = call
    // Views and copies compute nothing.
    if (flops === 0) continue
    const into = part(nameOf(call))
    into.calls++
    into.macs += macs
    into.flops += flops
  }
  for (const { name, count } of params) part(partOf(name)).params += count
  return [...parts.values()]
}

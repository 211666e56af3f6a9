import { blobSource, type Checkpoint, openCheckpoint, stateDict } from '@scanline/checkpoint'
import { createHub, type FileOptions, type Hub } from '@scanline/hub'
import type { StateSource, StateValue } from '@scanline/nn'
import { ArgumentError, type Backend, type DType, type Generator } from '@scanline/tensor'
import { adaptInputChannels } from './adapt.js'
import type { Backbone } from './backbone.js'
import type { Family, ModelOverrides } from './families/family.js'
import { FeatureExtractor } from './feature-extractor.js'
import type { ModelInfo } from './model-info.js'
import { familyOf, modelInfo } from './registry.js'

/** How far `createModel` is. `download` counts bytes, `load` numbers. `total` is missing where a server does not tell. */
export interface ModelProgress {
  readonly phase: 'download' | 'load'
  readonly name: string
  readonly loaded: number
  readonly total?: number
}

export interface CreateModelOptions extends ModelOverrides {
  readonly device: Backend
  /** Of the parameters: f32 unless told otherwise. */
  readonly dtype?: DType
  /** Download the published weights, or take them from the cache. */
  readonly pretrained?: boolean
  /** Weights of one's own instead: an open checkpoint, or names and tensors. They stay open. */
  readonly weights?: Checkpoint | StateSource
  /**
   * Initialises a model without weights, and the classifier of one whose weights have other classes (else 0). Without
   * weights and generator the parameters are undefined until they are loaded.
   */
  readonly generator?: Generator
  /** Other classes than those of the weights: then the classifier is a new one. 0 for none. */
  readonly numClasses?: number
  /**
   * Of a training checkpoint, which may have both: the averaged weights, or those of the last step. Without it those that
   * reach the published figures.
   */
  readonly averaged?: boolean
  /**
   * With `imgSize`: resize Vim's position table as the published fine-tuning does, which takes the first patch for the class
   * token. False by default: every position keeps its token.
   */
  readonly resizeAsPublished?: boolean
  /** Other channels than those of the weights: then the first convolution is adapted. */
  readonly inChans?: number
  /**
   * Other values of the architecture's configuration, under the names of its family's configuration type (`depths`, …): a
   * model of one's own measures. Weights have to be of a model of the same.
   */
  readonly config?: Readonly<Record<string, unknown>>
  /** For downloads; one with the usual environment variables unless given. */
  readonly hub?: Hub
  readonly onProgress?: (progress: ModelProgress) => void
  /** Told when weights were left out or changed on loading. */
  readonly onNotice?: (message: string) => void
  readonly signal?: FileOptions['signal']
}

export interface FeaturesOnlyOptions extends Omit<CreateModelOptions, 'numClasses' | 'dropRate'> {
  readonly featuresOnly: true
  /** Stages from 0, negative ones from the last; or how many of the last. All by default. */
  readonly outIndices?: number | readonly number[]
}

/**
 * Builds a model by name, in evaluation mode; the caller disposes it. Vim runs images of `imgSize` only (224 unless told
 * otherwise), every other family any size. With `featuresOnly` it gives the outputs of its
 * stages instead of logits.
 *
 * Rejects with `UnknownModelError`, `StateDictError` for weights of another model, `ArgumentError`, and what the hub and
 * the checkpoint reader reject with. Nothing stays allocated then.
 *
 * @example
 * const model = await createModel('mambaout_femto.in1k', { device, pretrained: true })
 * const logits = model.forward(images) // [N, 1000]
 * @example
 * const backbone = await createModel('mambaout_tiny', { device, pretrained: true, featuresOnly: true, outIndices: [1, 2, 3] })
 * backbone.channels // [192, 384, 576]
 */
export async function createModel(name: string, options: FeaturesOnlyOptions): Promise<FeatureExtractor>
export async function createModel(name: string, options: CreateModelOptions): Promise<Backbone>
export async function createModel(
  name: string,
  options: CreateModelOptions | FeaturesOnlyOptions,
): Promise<Backbone | FeatureExtractor> {
  const info = modelInfo(name)
  if (options.pretrained && options.weights)
    throw new ArgumentError('createModel takes pretrained or weights, not both: which of them is wanted?')
  const featuresOnly = 'featuresOnly' in options && options.featuresOnly
  const settings: CreateModelOptions = featuresOnly ? { ...options, numClasses: 0 } : options
  const model = await withWeights(info, settings, (source) => build(info, settings, source))
  if (!featuresOnly) return model
  try {
    return new FeatureExtractor(model, options.outIndices)
  } catch (error) {
    model.dispose()
    throw error
  }
}

/** `use` with the entries to load, while their file is open. */
async function withWeights<T>(
  info: ModelInfo,
  options: CreateModelOptions,
  use: (source: StateSource | undefined) => Promise<T>,
): Promise<T> {
  const { weights } = options
  const ema = options.averaged ?? familyOf(info).averagedWeights ?? false
  if (weights) return use('tensors' in weights ? stateDict(weights, { ema }) : weights)
  if (!options.pretrained) return use(undefined)
  const checkpoint = await download(info, options)
  try {
    return await use(stateDict(checkpoint, { ema }))
  } finally {
    await checkpoint.close()
  }
}

async function download(info: ModelInfo, { hub = createHub(), onProgress, signal }: CreateModelOptions): Promise<Checkpoint> {
  if (info.weights === undefined)
    throw new ArgumentError(`${info.name} has no published weights; pass weights of your own, or a generator to start from`)
  const file = await hub.file(info.weights, {
    ...(signal && { signal }),
    onProgress: ({ received, total }) =>
      onProgress?.({ phase: 'download', name: info.name, loaded: received, ...(total !== undefined && { total }) }),
  })
  return openCheckpoint({ ...blobSource(await file.blob()), name: info.weights })
}

async function build(info: ModelInfo, options: CreateModelOptions, source: StateSource | undefined): Promise<Backbone> {
  const { device, dtype, generator, dropPathRate, dropRate, imgSize, onProgress, onNotice } = options
  const family = familyOf(info)
  const entries = source && new Map(family.rename(source))
  const found = entries && dimensions(family, entries)
  const numClasses = options.numClasses ?? found?.numClasses ?? info.numClasses
  const inChans = options.inChans ?? found?.inChans ?? info.inputSize[0]
  const model = family.create(
    info.architecture,
    {
      ...(options.config as ModelOverrides | undefined),
      numClasses,
      inChans,
      ...(dropPathRate !== undefined && { dropPathRate }),
      ...(dropRate !== undefined && { dropRate }),
      ...(imgSize !== undefined && { imgSize }),
    },
    { device, ...(dtype && { dtype }), ...(!entries && generator && { generator }) },
  )
  try {
    if (entries) {
      adapt(model, family, entries, { numClasses, inChans }, found ?? {}, options)
      const changes = family.resize?.(entries, model, { asPublished: options.resizeAsPublished ?? false })
      for (const change of changes ?? []) onNotice?.(change)
      await model.loadStateDict(entries, {
        ...(onProgress && {
          onProgress: ({ loaded, total }) => onProgress({ phase: 'load', name: info.name, loaded, total }),
        }),
      })
    }
    return model.eval()
  } catch (error) {
    model.dispose()
    throw error
  }
}

interface Dimensions {
  readonly numClasses?: number | undefined
  readonly inChans?: number | undefined
}

/** What the weights were trained for. */
const dimensions = (family: Family, entries: ReadonlyMap<string, StateValue>): Dimensions => ({
  numClasses: entries.get(`${family.classifier}.weight`)?.shape[0],
  inChans: entries.get(family.firstConv)?.shape[1],
})

/** Makes `entries` fit a model with other classes or channels than they were trained for. */
function adapt(
  model: Backbone,
  { classifier, classifierParts = [classifier], firstConv }: Family,
  entries: Map<string, StateValue>,
  wanted: Required<Dimensions>,
  found: Dimensions,
  { generator, onNotice }: CreateModelOptions,
): void {
  if (wanted.numClasses !== (found.numClasses ?? 0)) {
    const replaced = (name: string): boolean => classifierParts.some((part) => name === part || name.startsWith(`${part}.`))
    for (const name of [...entries.keys()]) if (replaced(name)) entries.delete(name)
    model.resetClassifier(wanted.numClasses!, undefined, generator)
    // Its own values: they are not missing.
    for (const [name, tensor] of model.stateDict()) if (replaced(name)) entries.set(name, tensor)
    onNotice?.(
      wanted.numClasses === 0
        ? `the classifier of the weights (${found.numClasses} classes) was left out`
        : `the classifier for ${wanted.numClasses} classes is new, ${generator ? 'from the generator' : 'all 0'}: that of the weights has ${found.numClasses ?? 0}`,
    )
  }
  const weight = entries.get(firstConv)
  if (weight && wanted.inChans !== found.inChans) {
    entries.set(firstConv, adaptInputChannels(firstConv, weight, wanted.inChans!))
    onNotice?.(`${firstConv} was adapted from ${found.inChans} to ${wanted.inChans} channels`)
  }
}

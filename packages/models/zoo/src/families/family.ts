import type { ModuleOptions, StateValue } from '@scanline/nn'
import type { Backbone } from '../backbone.js'
import type { ModelInfo } from '../model-info.js'

/** What `createModel` may change about a published configuration. */
export interface ModelOverrides {
  readonly numClasses?: number
  readonly inChans?: number
  /** Of the last block; the first has 0. */
  readonly dropPathRate?: number
  /** Dropout where the family has it: before MambaOut's classifier, in MambaVision's token blocks, behind Vim's positions. */
  readonly dropRate?: number
  /**
   * Height and width of the images, or one number for both: for Vim, which runs one size only. All others run any size,
   * and need not be told.
   */
  readonly imgSize?: number | readonly [number, number]
}

/** Models that share a constructor. A new family is one such object in the list of `registry.ts`. */
export interface Family {
  readonly name: string
  /** The first entry of an architecture is its default. */
  readonly models: readonly ModelInfo[]
  /** Architectures by other names that their authors give them. */
  readonly aliases?: Readonly<Record<string, string>>
  create(architecture: string, overrides: ModelOverrides, options: ModuleOptions): Backbone
  /** State-dict names of the convolution that reads the image, and of the classifier. */
  readonly firstConv: string
  readonly classifier: string
  /** Where a classifier is more than that: every entry, or beginning of entries, that another one replaces. */
  readonly classifierParts?: readonly string[]
  /** Whether a training checkpoint's averaged weights are the ones that reach the published figures. */
  readonly averagedWeights?: boolean
  /** Entries of any published layout under the names of the module tree. */
  rename<T>(entries: Iterable<readonly [string, T]>): [string, T][]
  /** Where weights depend on the size of the images: makes `entries` fit `model`, and says what was changed. */
  readonly resize?: (entries: Map<string, StateValue>, model: Backbone, options: { readonly asPublished: boolean }) => string[]
}

import {
  EfficientViM,
  EfficientViMBackbone,
  type EfficientViMVariant,
  variants as efficientvimVariants,
} from '@scanline/efficientvim'
import { MambaOut, type MambaOutVariant, variants as mambaoutVariants } from '@scanline/mambaout'
import {
  type DenseVariant,
  denseVariants,
  MambaVision,
  MambaVisionBackbone,
  type MambaVisionVariant,
  variants as mambavisionVariants,
} from '@scanline/mambavision'
import type { Module, ModuleOptions } from '@scanline/nn'
import type { Tensor, Tree } from '@scanline/tensor'
import { Vim, VimDetectionBackbone, VimSegmentationBackbone, type VimVariant, variants as vimVariants } from '@scanline/vim'
import { efficientvimRule, mambaoutRule, mambavisionRule, type PublishedRule, vimRule } from './published-rules.js'

/** A model as a classifier, or as what detectors and segmenters build on. */
export const forms = ['classifier', 'detection', 'segmentation'] as const
export type Form = (typeof forms)[number]

/** Pixels. */
export type Size = readonly [height: number, width: number]

export interface Built {
  readonly model: Module
  forward(x: Tensor): Tree
  /** A child of the model that this form leaves out. */
  readonly without?: string
}

interface BuildOptions {
  readonly form: Form
  readonly size: Size
  readonly options: ModuleOptions
}

/** Models that share a counting rule. A new family is one such object in the list below. */
export interface Family {
  readonly name: 'mambaout' | 'mambavision' | 'vim' | 'efficientvim'
  /** Architectures, without tags of weights. */
  readonly models: readonly string[]
  readonly rule: PublishedRule
  build(model: string, options: BuildOptions): Built
}

const withForward = <M extends Module & { forward(x: Tensor): Tree }>(model: M): Built => ({
  model: model.eval(),
  forward: (x) => model.forward(x),
})

const mambaout: Family = {
  name: 'mambaout',
  models: Object.keys(mambaoutVariants),
  rule: mambaoutRule,
  build(name, { form, options }) {
    const model = new MambaOut(mambaoutVariants[name as MambaOutVariant], options)
    if (form === 'classifier') return withForward(model)
    return { model: model.eval(), forward: (x) => model.features(x), without: 'head' }
  },
}

/** Windows are raised for dense prediction; models without a published detector or segmenter keep those of the classifier. */
const denseMambaVision = (name: string, form: Form): keyof typeof denseVariants | undefined => {
  const wanted = name.replace(/^mamba_vision_/, form === 'detection' ? 'cascade_mask_rcnn_' : 'upernet_')
  return Object.hasOwn(denseVariants, wanted) ? (wanted as DenseVariant) : undefined
}

const mambavision: Family = {
  name: 'mambavision',
  models: Object.keys(mambavisionVariants),
  rule: mambavisionRule,
  build(name, { form, options }) {
    const config = mambavisionVariants[name as MambaVisionVariant]
    if (form === 'classifier') return withForward(new MambaVision(config, options))
    const dense = denseMambaVision(name, form)
    return withForward(new MambaVisionBackbone(dense ? denseVariants[dense] : config, options))
  },
}

const vim: Family = {
  name: 'vim',
  models: Object.keys(vimVariants),
  rule: vimRule,
  build(name, { form, size: imgSize, options }) {
    const config = { ...vimVariants[name as VimVariant], imgSize }
    if (form === 'detection') return withForward(new VimDetectionBackbone({ ...config, lastLayer: 'add' }, options))
    if (form === 'segmentation') return withForward(new VimSegmentationBackbone(config, options))
    return withForward(new Vim(config, options))
  },
}

const efficientvim: Family = {
  name: 'efficientvim',
  models: Object.keys(efficientvimVariants),
  rule: efficientvimRule,
  build(name, { form, options }) {
    const config = efficientvimVariants[name as EfficientViMVariant]
    return withForward(form === 'classifier' ? new EfficientViM(config, options) : new EfficientViMBackbone(config, options))
  },
}

export const families: readonly Family[] = [mambaout, mambavision, vim, efficientvim]

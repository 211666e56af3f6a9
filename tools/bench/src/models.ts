import type { Module } from '@scanline/nn'
import { type Backend, Generator, type Tensor } from '@scanline/tensor'
import { Vim, type VimVariant, variants } from '@scanline/vim'
import { createModel, modelInfo } from '@scanline/zoo'
import type { ModelCase } from './cases.js'
import { type AttentionKind, vimWithAttention } from './resolution/attention-mixer.js'

type Classifier = Module & { forward(x: Tensor): Tensor }

/** What a Vim's name may end in: its scans replaced by attention. */
const replacements: Readonly<Record<string, AttentionKind>> = { _attention: 'tiled', _attention_whole: 'whole' }

/** Vim has a position table for one size of image, and so is built for the size of the case. */
function vimNamed(name: string): { readonly variant: VimVariant; readonly attention?: AttentionKind } | undefined {
  const [, variant, ending = ''] = /^(.*?)(_attention(?:_whole)?)?$/.exec(name)!
  if (!Object.hasOwn(variants, variant)) return undefined
  return { variant: variant as VimVariant, ...(ending !== '' && { attention: replacements[ending] }) }
}

/**
 * A model with random weights, the same on every device: the zoo's, or a Vim of any size, also with attention in place of
 * its scans (`vim_tiny_attention`, `vim_tiny_attention_whole`). Rejects with the zoo's `UnknownModelError`.
 */
export async function buildModel({ model: name, size }: Pick<ModelCase, 'model' | 'size'>, device: Backend): Promise<Classifier> {
  const generator = new Generator(1)
  const vim = vimNamed(name)
  if (!vim) return createModel(name, { device, generator })
  const model = new Vim({ ...variants[vim.variant], imgSize: size }, { device, generator })
  if (vim.attention) vimWithAttention(model, vim.attention, { device, generator })
  return model.eval()
}

/** Throws the zoo's `UnknownModelError`, with near misses, for a name that no model has. */
export function checkModel(name: string): void {
  if (!vimNamed(name)) modelInfo(name)
}

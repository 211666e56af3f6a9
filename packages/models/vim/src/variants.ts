import type { VimConfig } from './config.js'

const small = { embedDim: 384 } as const
const base = { embedDim: 768 } as const
const stride8 = { stride: 8 } as const
/** What every registered function passes. */
const common = { finalPool: 'mean' } as const
/** Of the first release: no class token, rotary tables for tokens and residual, directions summed. */
const rotary = { ...common, classToken: 'none', rope: true, ropeResidual: true, divideOut: false } as const
const front = { classToken: 'front' } as const
const patch8 = { patchSize: 8, stride: 8 } as const

/** The published variants (arXiv 2401.09417) by short names. */
export const variants = {
  vim_tiny: { ...common },
  vim_tiny_stride8: { ...common, ...stride8 },
  vim_small: { ...common, ...small },
  vim_small_stride8: { ...common, ...small, ...stride8 },
  vim_base: { ...common, ...base },
  vim_base_stride8: { ...common, ...base, ...stride8 },
  vim_tiny_rope: { ...rotary },
  vim_small_rope: { ...rotary, ...small },
  vim_base_rope: { ...rotary, ...base },
  vim_tiny_rope_cls: { ...rotary, ...front },
  vim_tiny_patch8_rope: { ...rotary, ...patch8 },
  vim_tiny_patch8_rope_cls: { ...rotary, ...front, ...patch8 },
} as const satisfies Record<string, VimConfig>

export type VimVariant = keyof typeof variants

const middle = '224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2'
const first = '224_bimambav2_final_pool_mean_abs_pos_embed_rope_also_residual'

/** Names that the published code registers. The paper's stride-8 base model has none. */
export const registeredNames: Readonly<Record<string, VimVariant>> = {
  [`vim_tiny_patch16_${middle}`]: 'vim_tiny',
  [`vim_tiny_patch16_stride8_${middle}`]: 'vim_tiny_stride8',
  [`vim_small_patch16_${middle}`]: 'vim_small',
  [`vim_small_patch16_stride8_${middle}`]: 'vim_small_stride8',
  vim_base_patch16_224_bimambav2_final_pool_mean_abs_pos_embed_with_middle_cls_token_div2: 'vim_base',
  [`vim_tiny_patch16_${first}`]: 'vim_tiny_rope',
  [`vim_small_patch16_${first}`]: 'vim_small_rope',
  [`vim_base_patch16_${first}`]: 'vim_base_rope',
  [`vim_tiny_patch16_${first}_with_cls_token`]: 'vim_tiny_rope_cls',
  [`vim_tiny_patch8_${first}`]: 'vim_tiny_patch8_rope',
  [`vim_tiny_patch8_${first}_with_cls_token`]: 'vim_tiny_patch8_rope_cls',
}

import { registeredNames, resizedPosEmbed, toVim, Vim, type VimVariant, variants } from '@scanline/vim'
import type { ModelInfo } from '../model-info.js'
import type { Family } from './family.js'

const size = [3, 224, 224] as const

/** The authors' figures, with the shorter side resized to 256. They give no number of multiply-adds. */
const model = (
  architecture: VimVariant,
  file: string | undefined,
  { params, top1, top5 }: { readonly params: number; readonly top1?: number; readonly top5?: number },
): ModelInfo => ({
  name: architecture,
  architecture,
  tag: '',
  family: 'vim',
  numClasses: 1000,
  inputSize: size,
  testInputSize: size,
  cropPct: 0.875,
  testCropPct: 0.875,
  cropMode: 'center',
  interpolation: 'bicubic',
  pipeline: 'timm-0.6',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  licence: 'Apache-2.0',
  paper: 'https://arxiv.org/abs/2401.09417',
  weights: file && `https://huggingface.co/hustvl/${file}`,
  published: {
    params,
    gmacs: {},
    top1: top1 === undefined ? {} : { 224: top1 },
    top5: top5 === undefined ? {} : { 224: top5 },
  },
})

const models: readonly ModelInfo[] = [
  model('vim_tiny', 'Vim-tiny-midclstok/resolve/main/vim_t_midclstok_76p1acc.pth', {
    params: 7_148_008,
    top1: 76.1,
    top5: 93.0,
  }),
  model('vim_tiny_stride8', 'Vim-tiny-midclstok/resolve/main/vim_t_midclstok_ft_78p3acc.pth', {
    params: 7_250_344,
    top1: 78.3,
    top5: 94.2,
  }),
  model('vim_small', 'Vim-small-midclstok/resolve/main/vim_s_midclstok_80p5acc.pth', {
    params: 25_796_584,
    top1: 80.5,
    top5: 95.1,
  }),
  model('vim_small_stride8', 'Vim-small-midclstok/resolve/main/vim_s_midclstok_ft_81p6acc.pth', {
    params: 26_001_256,
    top1: 81.6,
    top5: 95.4,
  }),
  // Of the first release, with rotary tables and without a class token.
  model('vim_tiny_rope', 'Vim-tiny/resolve/main/vim_tiny_73p1.pth', {
    params: 7_147_624,
    top1: 73.1,
    top5: 91.1,
  }),
  model('vim_base', 'Vim-base-midclstok/resolve/main/vim_b_midclstok_81p9acc.pth', {
    params: 97_598_440,
    top1: 81.9,
    top5: 95.8,
  }),
  // In the paper (table 1), and registered in the first release: no weights were published.
  model('vim_base_stride8', undefined, { params: 98_007_784, top1: 83.2 }),
  model('vim_small_rope', undefined, { params: 25_795_816 }),
  model('vim_base_rope', undefined, { params: 97_596_904 }),
  model('vim_tiny_rope_cls', undefined, { params: 7_148_008 }),
  model('vim_tiny_patch8_rope', undefined, { params: 7_149_928 }),
  model('vim_tiny_patch8_rope_cls', undefined, { params: 7_150_312 }),
]

export const vim: Family = {
  name: 'vim',
  models,
  aliases: registeredNames,
  // A training file has averaged weights too. The published figures belong to `model`, but for those of the base model, of
  // which a third party says the opposite: `averaged` of createModel chooses.
  create: (architecture, overrides, options) => new Vim({ ...variants[architecture as VimVariant], ...overrides }, options),
  firstConv: 'patch_embed.proj.weight',
  classifier: 'head',
  rename: toVim,
  resize: (entries, model, { asPublished }) => {
    const own = model.stateDict()
    const table = entries.get('pos_embed')
    const rows = own.get('pos_embed')?.shape[1]
    const changed: string[] = []
    if (model instanceof Vim && table && rows !== undefined && table.shape[1] !== rows) {
      const { classToken } = model.config
      const extraTokens = rows - model.patches
      const place = asPublished || classToken === 'none' ? 'front' : classToken
      entries.set('pos_embed', resizedPosEmbed(table, { to: model.grid, extraTokens, classToken: place }))
      changed.push(`pos_embed was resized from ${table.shape[1]} to ${rows} tokens`)
    }
    for (const name of ['rope.freqs_cos', 'rope.freqs_sin']) {
      const mine = own.get(name)
      if (mine && entries.get(name)?.shape[0] !== mine.shape[0]) entries.set(name, mine)
    }
    return changed
  },
}

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Field } from '../src/field.js'
import { main } from '../src/main.js'
import { readConfig } from '../src/vim/model.js'

const path = (name: string): string => fileURLToPath(new URL(`./fixtures/vim/${name}`, import.meta.url))

describe('published values hold', () => {
  test.each(['blocks.json', 'dense.json', 'pos_embed.json'])('%s', async (name) => {
    let text = ''
    const write = (part: string) => {
      text += part
    }
    const status = await main(['--device', 'reference', path(name)], { out: write, err: write })
    expect(status, text).toBe(0)
    const listed = JSON.parse(readFileSync(path(name), 'utf8')) as Record<string, unknown[]>
    expect(text.split('\n').length).toBeGreaterThan((listed['blocks'] ?? listed['backbones'] ?? listed['cases']).length)
  })
})

describe('arguments', () => {
  const config = (file: Record<string, unknown>) => readConfig(new Field(file))
  test('flags for class tokens are one choice', () => {
    const args = { use_double_cls_token: true, use_middle_cls_token: true }
    expect(config({ args }).classToken).toBe('double')
    expect(config({ args: { use_middle_cls_token: false } }).classToken).toBe('front')
    expect(config({ args: { if_cls_token: false } }).classToken).toBe('none')
    expect(config({ args: {} }).classToken).toBe('middle')
  })
  test('a registered name is the variant, and arguments change it', () => {
    const model = 'vim_small_patch16_stride8_224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2'
    expect(config({ model, args: { img_size: [64, 32] } })).toMatchObject({ embedDim: 384, stride: 8, imgSize: [64, 32] })
    expect(() => config({ model: 'vim_huge' })).toThrow(/there is no model "vim_huge"/)
  })
  test('unknown arguments are refused by name', () => {
    expect(() => config({ args: { if_rotary: true } })).toThrow(/if_rotary: no such argument/)
  })
})

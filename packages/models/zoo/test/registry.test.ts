import { CountingBackend } from '@scanline/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { globPattern, naturalOrder } from '../src/glob.js'
import { evalConfig, families, listModels, modelInfo, UnknownModelError } from '../src/index.js'
import { familyOf } from '../src/registry.js'

describe('listModels', () => {
  test('by shell patterns, in natural order', () => {
    expect(listModels('*femto*')).toEqual(['mambaout_femto.in1k', 'mambaout_femto.official'])
    expect(listModels('mambaout_base_*_rw.*_in1k')).toEqual([
      'mambaout_base_plus_rw.sw_e150_in12k_ft_in1k',
      'mambaout_base_plus_rw.sw_e150_r384_in12k_ft_in1k',
      'mambaout_base_short_rw.sw_e500_in1k',
      'mambaout_base_tall_rw.sw_e500_in1k',
      'mambaout_base_wide_rw.sw_e500_in1k',
    ])
    expect(listModels(['*kobe.in1k', 'test_*'])).toEqual(['mambaout_kobe.in1k', 'test_mambaout'])
    expect(listModels('nothing*')).toEqual([])
    expect(listModels().length).toBe(families.flatMap((f) => f.models).length)
    expect(listModels('test*', { pretrained: true })).toEqual([])
  })
  test('patterns match what a shell would', () => {
    expect(['a.b', 'axb'].filter((s) => globPattern('a.b').test(s))).toEqual(['a.b'])
    expect(['a1', 'a2', 'a3', 'ab'].filter((s) => globPattern('a[12]').test(s))).toEqual(['a1', 'a2'])
    expect(['a1', 'a2', 'a3'].filter((s) => globPattern('a[!12]').test(s))).toEqual(['a3'])
    expect(['a', 'ab', 'abc'].filter((s) => globPattern('a?').test(s))).toEqual(['ab'])
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(globPattern('*').test(text)).toBe(true)
        if (!/[*?[\]]/.test(text)) expect(globPattern(text).test(text)).toBe(true)
      }),
    )
  })
  test('numbers in names count as numbers, and the order is total', () => {
    expect(['e1000', 'e150', 'e9', 'e150_r384'].sort(naturalOrder)).toEqual(['e9', 'e150', 'e150_r384', 'e1000'])
    const name = fc.stringMatching(/^[a-c0-2_.]{0,6}$/)
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(naturalOrder(a, b))).toBe(-Math.sign(naturalOrder(b, a)) + 0)
        expect(naturalOrder(a, b) === 0).toBe(a === b)
      }),
    )
  })
})

describe('modelInfo', () => {
  test('an architecture alone means its default weights', () => {
    expect(modelInfo('mambaout_femto').name).toBe('mambaout_femto.in1k')
    expect(modelInfo('mambaout_base_plus_rw').name).toBe('mambaout_base_plus_rw.sw_e150_in12k_ft_in1k')
  })
  test('the names of the authors’ own code mean their models', () => {
    const tiny = 'vim_tiny_patch16_stride8_224_bimambav2_final_pool_mean_abs_pos_embed_with_midclstok_div2'
    expect(modelInfo(tiny).name).toBe('vim_tiny_stride8')
    expect(modelInfo('EfficientViM_M4').name).toBe('efficientvim_m4.e450_in1k')
    expect(modelInfo('EfficientViM_M2_dist').name).toBe('efficientvim_m2_dist.in1k')
    for (const { aliases = {}, models } of families)
      for (const [alias, architecture] of Object.entries(aliases)) {
        expect(models.map((m) => m.architecture)).toContain(architecture)
        expect(modelInfo(alias).architecture).toBe(architecture)
      }
  })
  test('every name is its own, and has the published parameters', () => {
    const names = families.flatMap((f) => f.models.map((m) => m.name))
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) {
      const info = modelInfo(name)
      const model = familyOf(info).create(info.architecture, { numClasses: info.numClasses }, { device: new CountingBackend() })
      expect(model.parameterCount(), name).toBe(info.published.params)
      const keys = [...model.stateDict().keys()]
      expect(keys).toContain(familyOf(info).firstConv)
      expect(keys).toContain(`${familyOf(info).classifier}.weight`)
    }
  })
  test('preprocessing at the size of the best figures, or another', () => {
    const info = modelInfo('mambaout_base_short_rw')
    expect(evalConfig(info)).toEqual({
      pipeline: 'timm-1.0',
      inputSize: [3, 288, 288],
      cropPct: 1,
      cropMode: 'center',
      interpolation: 'bicubic',
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    })
    expect(evalConfig(info, 224).cropPct).toBe(0.95)
    expect(evalConfig(modelInfo('mambaout_base_plus_rw.sw_e150_r384_in12k_ft_in1k')).cropMode).toBe('squash')
    const { inputSize, cropPct, cropMode } = evalConfig(modelInfo('mamba_vision_L2_512_21k'))
    expect({ inputSize, cropPct, cropMode }).toEqual({ inputSize: [3, 512, 512], cropPct: 0.93, cropMode: 'squash' })
  })
  test.each([
    ['mambaout_fento', 'mambaout_femto'],
    ['mambaout_femto.in21k', 'mambaout_femto.in1k'],
    ['timm/mambaout_femto.in1k', 'mambaout_femto.in1k'],
    ['hf-hub:timm/mambaout_kobe.in1k', 'mambaout_kobe.in1k'],
  ])('"%s": suggests %s', (name, suggestion) => {
    const failure = (() => {
      try {
        modelInfo(name)
      } catch (error) {
        return error
      }
    })()
    expect(failure).toBeInstanceOf(UnknownModelError)
    expect((failure as UnknownModelError).suggestions).toContain(suggestion)
    expect((failure as Error).message).toContain(suggestion)
  })
  test('a repository that is not known, and a name like none', () => {
    expect(() => modelInfo('me/mine')).toThrow(/id of a repository.*\{ weights \}/)
    expect(() => modelInfo('zzz')).toThrow(/listModels\(\) gives all/)
    expect(() => modelInfo('__proto__')).toThrow(UnknownModelError)
  })
})

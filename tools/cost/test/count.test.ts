import { trace } from '@scanline/compile'
import { LayerNorm } from '@scanline/nn'
import { ShapeError, sizeOf } from '@scanline/tensor'
import { UnknownModelError } from '@scanline/zoo'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countModel, modelNames, recordModel } from '../src/count.js'
import { families } from '../src/families.js'
import { ShapeBackend } from '../src/shape-backend.js'
import { knownOps, scanStates } from '../src/work.js'
import { counted, type Digits, denseWork, published, vimWork } from './published-figures.js'

const decimals = (printed: string): number => printed.split('.')[1]?.length ?? 0

function asPrinted(value: number, printed: string, by: Digits = 'rounding'): string {
  const digits = decimals(printed)
  if (by === 'cutting') return (Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits)
  if (by === 'twice') return (Math.round(Math.round(value * 10 ** (digits + 1)) / 10) / 10 ** digits).toFixed(digits)
  return value.toFixed(digits)
}

describe('published figures', () => {
  it.each(published.map((figure) => [`${figure.model} ${figure.size} ${figure.gmacs?.printed ?? ''}`, figure] as const))(
    '%s',
    (_, { model, size, params, gmacs }) => {
      const cost = countModel(model, { size: [size, size] })
      expect(cost.params).toBe(params)
      if (gmacs) expect(asPrinted(cost.publishedMacs / 1e9, gmacs.printed, gmacs.by)).toBe(gmacs.printed)
    },
  )

  it('stand in the zoo as they are in the table', () => {
    for (const model of modelNames()) {
      const { published: printed, publishedMacs } = countModel(model)
      if (printed !== undefined) expect(Math.abs(publishedMacs / printed - 1), model).toBeLessThan(0.25)
    }
  })

  it.each(counted.map((figure) => [`${figure.model} ${figure.size}`, figure] as const))(
    'exact counts of %s, to the unit',
    (_, { model, size, layerNormElements, activations = {}, ...expected }) => {
      const { record } = recordModel(model, { size: [size, size] })
      const { macsByKind } = countModel(model, { size: [size, size] })
      const { conv2d, linear, conv1d = 0, attention = 0, scanStates: states = 0 } = expected
      expect(macsByKind).toMatchObject({ conv2d, linear, conv1d, attention, matmul: 0 })
      const scans = record.calls.filter(({ op }) => op.name === 'selectiveScan')
      expect(scans.reduce((n, call) => n + scanStates(call), 0)).toBe(states)
      const norms = record.visits.filter(({ module }) => module instanceof LayerNorm)
      if (layerNormElements) expect(norms.reduce((n, { input }) => n + sizeOf(input.shape), 0)).toBe(layerNormElements)
      for (const [pixels, printed] of Object.entries(activations)) {
        const other = countModel(model, { size: [Number(pixels), Number(pixels)] })
        expect(asPrinted(other.activations / 1e6, printed)).toBe(printed)
      }
    },
  )

  it.each(vimWork)('products and scans of %s at %i', (model, size, products, scans) => {
    const { macsByKind, publishedMacs } = countModel(model, { size: [size, size] })
    const own = macsByKind.conv2d + macsByKind.conv1d + macsByKind.linear
    expect([asPrinted(own / 1e9, products), asPrinted((publishedMacs - own) / 1e9, scans)]).toEqual([products, scans])
  })

  it.each(denseWork)('backbone of %s for %s at %i × %i', (model, form, height, width, gmacs) => {
    const { macsByKind } = countModel(model, { form, size: [height, width] })
    expect(((macsByKind.conv2d + macsByKind.linear + macsByKind.attention) / 1e9).toFixed(0)).toBe(gmacs)
  })
})

describe('a count', () => {
  it('records the ops that compile traces, in the same order', () => {
    for (const { models, build } of families) {
      const device = new ShapeBackend()
      const size = [224, 224] as const
      const { record } = recordModel(models[0], { size })
      const { model, forward } = build(models[0], { form: 'classifier', size, options: { device } })
      const { graph } = trace((x) => forward(x), [{ shape: [1, 224, 224, 3], dtype: 'f32' }], device)
      // Fused ops count as what they decompose into.
      const left = graph.nodes.map(({ op }) => op.name).filter((name) => knownOps.has(name))
      for (const { op } of record.calls) if (op.name === left[0]) left.shift()
      expect(left).toEqual([])
      model.dispose()
    }
  })

  it('splits into stages, ops and modules without a rest', () => {
    for (const model of ['test_mambaout', 'mamba_vision_T', 'vim_tiny', 'efficientvim_m1']) {
      const cost = countModel(model)
      for (const parts of [cost.stages, cost.ops, cost.modules]) {
        expect(parts.reduce((n, { macs }) => n + macs, 0)).toBe(cost.macs)
        expect(parts.reduce((n, { flops }) => n + flops, 0)).toBe(cost.flops)
      }
      for (const parts of [cost.stages, cost.modules]) expect(parts.reduce((n, { params }) => n + params, 0)).toBe(cost.params)
      expect(Object.values(cost.macsByKind).reduce((a, b) => a + b)).toBe(cost.macs)
      expect(cost.flops).toBe(2 * cost.macs + cost.otherFlops)
    }
    expect(countModel('mamba_vision_T').stages.map(({ name }) => name)).toEqual([
      'patch_embed',
      'levels.0',
      'levels.1',
      'levels.2',
      'levels.3',
      'norm',
      'model',
      'head',
    ])
  })

  it('is proportional to the batch, and for the scan to the tokens', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('test_mambaout', 'efficientvim_m2', 'vim_tiny'),
        fc.integer({ min: 1, max: 9 }),
        (model, batch) => {
          const [one, many] = [1, batch].map((n) => countModel(model, { size: [64, 96], batch: n }))
          expect(many.macs).toBe(batch * one.macs)
          expect(many.publishedMacs).toBe(batch * one.publishedMacs)
          expect(many.params).toBe(one.params)
        },
      ),
      { numRuns: 12 },
    )
    const [small, large] = [224, 1024].map((n) => countModel('vim_tiny', { size: [n, n] }).macsByKind.scan)
    expect(large / small).toBe((64 ** 2 + 1) / (14 ** 2 + 1))
  })

  it('leaves the modules as they were', () => {
    const { model } = recordModel('test_mambaout')
    for (const module of model.modules()) expect(Object.hasOwn(module, 'forward')).toBe(false)
  })

  it('counts what a published backbone has', () => {
    // Detection, section 1.1: 22.9 M of the detector's parameters are MambaOut-Tiny's.
    expect((countModel('mambaout_tiny', { form: 'detection' }).params / 1e6).toFixed(1)).toBe('22.9')
  })

  it('counts backbones of every family, without the classifier', () => {
    for (const { models } of families)
      for (const form of ['detection', 'segmentation'] as const) {
        const size = [64, 96] as const
        const [classifier, backbone] = [countModel(models[1], { size }), countModel(models[1], { form, size })]
        expect(backbone.macs).toBeGreaterThan(0)
        expect(backbone.stages.map(({ name }) => name)).not.toContain('head')
        if (form === 'detection') expect(backbone.params).toBeLessThan(classifier.params)
      }
  })

  it('names what is wrong', () => {
    expect(() => countModel('mambaout_femtoo')).toThrow(UnknownModelError)
    expect(() => countModel('mambaout_femto.in1k')).toThrow(/names weights; "mambaout_femto"/)
    expect(() => countModel('vim_tiny', { size: [8, 8] })).toThrow(/smaller than a patch/)
    expect(() => countModel('mambaout_femto', { size: [0, 8] })).toThrow(ShapeError)
  })
})

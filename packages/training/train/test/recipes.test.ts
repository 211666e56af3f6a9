import { adamw } from '@scanline/optim'
import { expect, test } from 'vitest'
import { recipe, recipeClip, recipeGroups, recipeOptimizer, recipes, recipeTimeline, totalEpochs } from '../src/index.js'

/** Learning rates of the published loops: epoch, update within it, rate. */
const published: Readonly<Record<string, readonly (readonly [number, number, number])[]>> = {
  mambaout_femto: [
    [0, 0, 1e-6],
    [1, 0, 0.00020095],
    [1, 200, 0.00020095],
    [5, 0, 0.00100075],
    [309, 0, 1e-5],
  ],
  vim_tiny: [
    [0, 0, 1e-6],
    [1, 0, 1e-6],
    [2, 0, 0.0002008],
    [5, 0, 0.0008002],
    [299, 0, 1.01085616799515e-5],
  ],
  vim_small: [
    [3, 0, 0.0004006],
    [298, 0, 1.02442526189629e-5],
  ],
  vim_tiny_stride8: [
    [0, 0, 1e-5],
    [29, 0, 1e-5],
  ],
  mamba_vision_T: [
    [0, 0, 1.80112179487179e-6],
    [0, 156, 0.000126776121794872],
    [1, 311, 0.0005009],
    [319, 311, 5e-6],
  ],
  efficientvim_m1: [
    [0, 0, 2e-6],
    [0, 1, 2e-6],
    [0, 312, 5.171024e-5],
    [1, 1, 0.0001019],
    [309, 624, 2e-5],
  ],
}
const updates: Readonly<Record<string, number>> = { mamba_vision_T: 312, efficientvim_m1: 625 }

test.each(Object.entries(published))('%s has the published rates', (name, rows) => {
  const rate = recipeTimeline(recipe(name), { updatesPerEpoch: updates[name] ?? 400 })
  for (const [epoch, update, lr] of rows)
    expect(rate({ epoch, update, updatesPerEpoch: updates[name] ?? 400 }) / lr).toBeCloseTo(1, 12)
})

test('names are unique, runs have their length, and every recipe is plain data', () => {
  expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length)
  expect(JSON.parse(JSON.stringify(recipes))).toEqual(recipes)
  expect(
    ['mambaout_tiny', 'mamba_vision_B', 'vim_small', 'vim_small_stride8', 'efficientvim_m2_e450'].map((n) =>
      totalEpochs(recipe(n)),
    ),
  ).toEqual([310, 320, 300, 30, 460])
  expect(() => recipe('mambaout_fempto')).toThrow(/did you mean mambaout_femto/)
})

test('rates that grow with the batch', () => {
  const moment = { epoch: 6, update: 0, updatesPerEpoch: 10 }
  const at = (perDevice: number) =>
    recipeTimeline(recipe('vim_small'), { updatesPerEpoch: 10, batch: { perDevice, devices: 1, accumulation: 1 } })(moment)
  expect(at(1024) / at(512)).toBeCloseTo(2, 1)
})

test('what a recipe makes', () => {
  expect(recipeOptimizer(recipe('mamba_vision_S')).name).toBe('lamb')
  expect(recipeOptimizer(recipe('vim_tiny')).scalars(1, 1)).toEqual(adamw().scalars(1, 1))
  expect(recipeClip(recipe('efficientvim_m3'))).toEqual({ mode: 'norm', limit: 0.02 })
  expect(recipeClip(recipe('mambaout_base'))).toBeUndefined()
  const parameters = [
    ['alpha', { shape: [4, 8] }],
    ['norm.bias', { shape: [1, 8, 1] }],
    ['A', { shape: [9] }],
  ] as const
  expect(recipeGroups(recipe('efficientvim_m1'), parameters).map(({ name, parameters }) => [name, ...parameters])).toEqual([
    ['decay', 'alpha'],
    ['no_decay', 'norm.bias', 'A'],
  ])
  expect(
    recipeGroups(recipe('vim_tiny'), [
      ['pos_embed', { shape: [1, 197, 192] }],
      ['A_log', { shape: [8, 16] }],
    ]).map(({ name }) => name),
  ).toEqual(['no_decay', 'decay'])
})

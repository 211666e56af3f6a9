import { expect, test } from 'vitest'
import { changed, fixture, golden, type Json } from './helpers.js'

const files = [
  'preprocessing/augment_ops.json',
  'preprocessing/random_crop.json',
  'preprocessing/train_transforms.json',
  'preprocessing/folders.json',
  'training/random_erasing.json',
  'training/samplers.json',
  'training/metrics.json',
]

test.each(files)('%s holds', async (name) => {
  const { status, out } = await golden('--device', 'reference', fixture(name))
  expect(status, out).toBe(0)
})

const erasing = 'training/random_erasing.json'
const metrics = 'training/metrics.json'
test.each<[string, string, string, (json: Json) => unknown]>([
  ['a level', 'preprocessing/augment_ops.json', 'levels', (json) => json.levels[3][3]++],
  ['a pixel', 'preprocessing/augment_ops.json', 'cases[2]', (json) => (json.cases[2].output.sha256 = '0'.repeat(64))],
  ['a rectangle', 'preprocessing/random_crop.json', 'rectangles[1]', (json) => json.rectangles[1].left++],
  ['a draw', 'preprocessing/random_crop.json', 'rectangles[0]', (json) => (json.rectangles[0].draws[0][0] = 'gauss')],
  ['a draw too many', 'preprocessing/train_transforms.json', 'cases[0]', (json) => json.cases[0].draws.push(['random', [], 0])],
  ['an order of classes', 'preprocessing/folders.json', 'cases[0] timm', (json) => (json.cases[0].timm.class_to_index.n1 = 9)],
  ['a split', 'preprocessing/folders.json', 'split_folder_search[1]', (json) => (json.split_folder_search[1].train = 'x')],
  ['an erased value', erasing, 'cases[0]', (json) => (json.cases[0].output[21] += 0.1)],
  ['a share', 'training/samplers.json', 'cases[3]', (json) => json.cases[3].ranks[2][1]++],
  ['an accuracy', metrics, 'accuracy', (json) => json.accuracy.values[1]++],
  ['a table', metrics, 'summary_csv', (json) => (json.summary_csv = json.summary_csv.replace('6.5', '6.50'))],
])('%s that differs is broken', async (_, name, check, change) => {
  const { status, out } = await golden('--device', 'reference', changed(name, change))
  expect(status, out).toBe(1)
  expect(out.split('\n').some((line) => line.includes(check) && line.includes('BROKEN'))).toBe(true)
})

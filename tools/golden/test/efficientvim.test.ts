import { Field } from '@scanline/golden'
import { describe, expect, it } from 'vitest'
import { namedConfig } from '../src/efficientvim/model.js'
import { changed, golden, type Json } from './helpers.js'

describe('a small model', () => {
  const file = 'efficientvim/distilled.json'
  it.each(['reference', 'wasm'])('holds on %s, in evaluation and in training', async (device) => {
    const { status, out } = await golden(
      '--device',
      device,
      changed(file, () => {}),
    )
    expect(out).toMatch(/train_logits_dist/)
    expect(out).toMatch(/1 file: 1 holds/)
    expect(status).toBe(0)
  })
  it.each<[string, (json: Json) => void, RegExp]>([
    ['another salt', (json) => (json.salt = 'g2'), /BROKEN/],
    [
      "an argument that timm's model does not have",
      (json) => {
        json.model = 'efficientvim_m1_dist'
        json.args.drop_rate = 0.1
      },
      /args\.drop_rate: no such argument/,
    ],
    ['a flag that nothing reads', (json) => (json.amp = true), /amp: .*not supported yet|not supported yet.*amp/s],
    [
      'a tensor that no stage has',
      (json) => (json.features = { 'stages.0.norm': json.logits }),
      /stages\.0\.norm.*EfficientViM/s,
    ],
    ['a model that there is not', (json) => (json.model = 'EfficientViM_M9'), /there is no model "EfficientViM_M9"/],
    ['states that are not those of the file', (json) => (json.args.state_dim = [9, 5, 4]), /state.*BROKEN|BROKEN/],
    ['a rule for filling that is not known', (json) => (json.extra_fill_rules[0].value = 'v * v'), /not supported yet/],
  ])('%s is noticed', async (_, change, message) => {
    const { status, out, err } = await golden('--device', 'reference', changed(file, change))
    expect(out + err).toMatch(message)
    expect(status).not.toBe(0)
  })
  it("keywords that the authors' class ignores change nothing", async () => {
    const { out, status } = await golden(
      '--device',
      'reference',
      changed(file, (json) => Object.assign(json.args, { drop_path_rate: 0.1, bn_weight_init: 0, pretrained: null })),
    )
    expect(out).toMatch(/1 file: 1 holds/)
    expect(status).toBe(0)
  })
})

it('the loss of a distilled model in training is half of the cross entropy of each set of logits', async () => {
  const labels = [3, 7]
  const teacher = [1, 4]
  const crossEntropy = (logits: { data: number[] }, classes: number[]): number =>
    classes.reduce((sum, label, i) => {
      const row = logits.data.slice(10 * i, 10 * i + 10)
      return sum + Math.log(row.reduce((total, v) => total + Math.exp(v), 0)) - row[label]
    }, 0) / classes.length
  const trained = (given: number[] | undefined) => (json: Json) => {
    const { train_logits: logits, train_logits_dist: distilled } = json
    for (const key of ['train_logits', 'train_logits_dist']) delete json[key]
    const loss = (crossEntropy(logits, labels) + crossEntropy(distilled, given ?? labels)) / 2
    Object.assign(json, { mode: 'train', labels, loss, logits, logits_dist: distilled, grads: {}, zero_grads: [] })
    if (given) json.labels_dist = given
  }
  for (const given of [undefined, teacher]) {
    const { out } = await golden('--device', 'reference', changed('efficientvim/distilled.json', trained(given)))
    const lines = out.split('\n').filter((line) => /^ *(loss|logits|logits_dist) /.test(line))
    expect(lines).toHaveLength(3)
    expect(lines.join()).not.toMatch(/BROKEN/)
  }
})

it.each([
  ['EfficientViM_M4', [224, 320, 512]],
  ['efficientvim_m1_dist.in1k', [128, 192, 320]],
])('%s is a published variant', (name, embedDim) => {
  expect(namedConfig(new Field(name)).embedDim).toEqual(embedDim)
})

import { expect, test } from 'vitest'
import { changed, fixture, golden, type Json } from './helpers.js'

const files = [
  'optimizers',
  'clipping',
  'ema',
  'schedules',
  'param_groups',
  'losses',
  'mixup',
  'drop_path',
  'sync_bn',
  'finetune',
  'flops',
  'checkpoint_policy',
  'toy_training',
]

test.each(
  files.flatMap((name) => [
    [name, 'reference'],
    [name, 'wasm'],
  ]),
)('%s holds on %s', async (name, device) => {
  const { status, out } = await golden('--device', device, fixture(`training/${name}.json`))
  expect(status, out).toBe(0)
})

test.each<[string, string, string, (json: Json) => unknown]>([
  ['a weight decay', 'optimizers', 'adamw_default.block.weight', (json) => (json.cases[0].weight_decay = 0.0501)],
  ['an epsilon', 'optimizers', 'lamb_default.block.bias', (json) => (json.cases[6].args.eps = 1e-6)],
  ['a clipped gradient', 'clipping', 'cases[3]', (json) => (json.cases[3].clipped.w[0] += 1e-6)],
  ['a counter', 'ema', 'cases[1] bn.num_batches_tracked', (json) => json.cases[1].trajectory[10]['bn.num_batches_tracked']++],
  ['a late rate', 'schedules', 'vim_tiny_pretrain', (json) => (json.recipes[1].lr_used_in_epoch[1] = 0.0002008)],
  ['a milestone', 'schedules', 'plain[6]', (json) => (json.plain[6].args.decay_t[0] = 5)],
  ['a decayed bias', 'param_groups', 'efficientvim', (json) => (json.families[3].patterns['weights (1-d)'].group = 'decay')],
  ['a temperature', 'losses', 'cases[11]', (json) => (json.cases[11].args.tau = 2)],
  ['a draw', 'mixup', 'float_cases[1]', (json) => (json.float_cases[1].draws[2][1] = [0.8, 0.8])],
  ['a byte', 'mixup', 'byte_cases[0]', (json) => json.byte_cases[0].output[3]++],
  ['a rate of dropping', 'drop_path', 'vim small', (json) => (json.rates.at(-1).depths = [23])],
  ['a statistic', 'sync_bn', 'synchronized.running_var', (json) => (json.synchronized.running_var[1] += 1e-4)],
  ['an epoch', 'finetune', 'epoch_counts[0]', (json) => json.epoch_counts[0].updates_per_epoch++],
  ['a threshold', 'flops', 'rows[7] long', (json) => (json.rows[7].threshold_L = 6145)],
  ['a kept file', 'checkpoint_policy', 'cases[0]', (json) => (json.cases[0].max_history = 2)],
  ['a loss', 'toy_training', 'adamw_accumulate', (json) => (json.cases[0].log[11].loss += 1e-5)],
])('%s that differs is broken', async (_, name, check, change) => {
  const { status, out } = await golden('--device', 'reference', changed(`training/${name}.json`, change))
  expect(status, out).toBe(1)
  expect(out.split('\n').some((line) => line.includes(check) && line.includes('BROKEN'))).toBe(true)
})

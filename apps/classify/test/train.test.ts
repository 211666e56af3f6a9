import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpointFile } from '@scanline/checkpoint/node'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../src/cli/failure.js'
import { names, png, run, temporaryFolder, writeCheckpoint } from './setup.js'
import { dataset, results, text, tiny } from './train-setup.js'

/** A run of seconds: its folder and what it said. */
async function train(
  data: string,
  more: readonly string[],
  { model = 'test_mambaout' as keyof typeof tiny, signal = new AbortController().signal } = {},
) {
  const output = temporaryFolder()
  const config = JSON.stringify(tiny[model])
  const flags = [
    '--model',
    model,
    '--model-config',
    config,
    '--img-size',
    '32',
    '-b',
    '4',
    '--device',
    'wasm',
    '--threads',
    '1',
    '--workers',
    '0',
  ]
  const recipe = more.includes('--recipe') ? [] : ['--recipe', 'small']
  const place = ['--output', output, '--experiment', 'run']
  const ended = await run(['train', data, ...flags, ...recipe, '--epochs', '2', ...place, ...more], { signal })
  return { ...ended, folder: join(output, 'run') }
}

describe('train', () => {
  it('writes checkpoints, summary, classes, settings, log and report', async () => {
    const { status, stdout, stderr, folder } = await train(dataset(), [
      '--lr',
      '3e-3',
      '--set',
      'optimizer.betas=[0.8,0.99]',
      '--model-ema-decay',
      '0.9',
    ])
    expect([status, stderr]).toEqual([exitCodes.ok, ''])
    expect(readdirSync(folder).sort()).toEqual(
      ['args.yaml', 'best.safetensors', 'checkpoint-0.safetensors', 'checkpoint-1.safetensors', 'classes.txt'].concat([
        'last.safetensors',
        'log.txt',
        'report.html',
        'summary.csv',
      ]),
    )
    expect(text(folder, 'classes.txt')).toBe(`${names.join('\n')}\n`)
    expect(text(folder, 'summary.csv')).toMatch(
      /^epoch,train_loss,eval_loss,eval_top1,eval_top5,eval_plain_loss,eval_plain_top1,eval_plain_top5,lr\r\n0,[\d.,e-]+\r\n1,[\d.,e-]+\r\n$/,
    )
    expect(text(folder, 'args.yaml')).toMatch(/"betas":\[0.8,0.99\].*"rate":0.003/)
    expect(text(folder, 'log.txt')).toBe(stdout)
    expect(stdout).toMatch(/^epoch 1\/2 {2}train loss \d\.\d{4} {2}val loss .* images\/s {2}input \d+ % {2}best$/m)
    const report = text(folder, 'report.html')
    expect(report.match(/<svg/g)).toHaveLength(3)
    expect(report).not.toMatch(/src=|href=(?!"#)|@import/)
  })

  it.each([
    ['mamba_vision_T', 'mamba_vision_T'],
    ['vim_tiny', 'vim_tiny'],
    ['efficientvim_m1', 'efficientvim_m1'],
  ] as const)('%s by its published recipe, interrupted and resumed to the same bytes', async (model, recipe) => {
    const data = dataset({ each: 6, classes: names.slice(0, 2) })
    const flags = ['--recipe', recipe, '--grad-accum-steps', '1', '--warmup-epochs', '1', '--cooldown-epochs', '0']
    // Distillation from the average begins with the second epoch; one view of each image.
    const more = [...flags, '--set', 'augment.repeats=1', ...(model === 'vim_tiny' ? [] : ['--set', 'mesa.start=0.4'])]
    const whole = await train(data, more, { model })
    expect([whole.status, whole.stderr]).toEqual([exitCodes.ok, ''])
    const interrupt = new AbortController()
    interrupt.abort()
    const first = await train(data, more, { model, signal: interrupt.signal })
    expect(first.status, first.stderr).toBe(exitCodes.interrupted)
    const again = await run(['train', '--resume', first.folder])
    expect([again.status, again.stderr]).toEqual([exitCodes.ok, ''])
    expect(results(first.folder)).toEqual(results(whole.folder))
  })

  it('starts from weights with other classes, of a file and of a run', async () => {
    const weights = join(temporaryFolder(), 'seven.safetensors')
    await writeCheckpoint(weights, 7)
    const data = dataset({ each: 3 })
    const output = temporaryFolder()
    const small = '--model test_mambaout --recipe small --img-size 32 -b 4 --epochs 1 --device wasm -t 1 -j 0'.split(' ')
    const still = '--lr 0 --min-lr 0 --warmup-lr 0'.split(' ')
    const from = (file: string, name: string) =>
      run(['train', data, ...small, ...still, '--init-from', file, '--output', output, '--experiment', name])
    const first = await from(weights, 'first')
    expect(first.status, first.stderr).toBe(exitCodes.ok)
    expect(first.stderr).toContain('the classifier for 4 classes is new')
    const stem = async (file: string) => {
      const checkpoint = await openCheckpointFile(file)
      const bytes = await checkpoint.tensors.get('stem.conv1.weight')!.read()
      await checkpoint.close()
      return bytes
    }
    // At a rate of 0 the weights stay what they were.
    expect(await stem(join(output, 'first', 'best.safetensors'))).toEqual(await stem(weights))
    const second = await from(join(output, 'first', 'last.safetensors'), 'second')
    expect([second.status, second.stderr]).toEqual([exitCodes.ok, ''])
    expect(await stem(join(output, 'second', 'best.safetensors'))).toEqual(await stem(weights))
  })

  it('reports damaged images and goes on, or stops, as asked', async () => {
    const data = dataset()
    writeFileSync(join(data, 'train', 'bee', '0.png'), png(1).subarray(0, 60))
    const skipped = await train(data, ['--epochs', '1'])
    expect(skipped.status).toBe(exitCodes.ok)
    expect(skipped.stderr).toMatch(/^skipped .*bee.0\.png: [^\n]+\n$/)
    const stopped = await train(data, ['--damaged', 'stop'])
    expect(stopped.status).toBe(exitCodes.failed)
    expect(stopped.stderr).toMatch(/^error: .*bee.0\.png/)
  })
})

describe('before the first step', () => {
  const wrong: [string, (data: string) => void, readonly string[], RegExp][] = [
    ['no such folder', (data) => rmSync(data, { recursive: true }), [], /cannot be read/],
    ['no validation images', (data) => rmSync(join(data, 'val'), { recursive: true }), [], /has no folder "validation"/],
    [
      'a class that only one split has',
      (data) => renameSync(join(data, 'val', 'bee'), join(data, 'val', 'wasp')),
      [],
      /"bee" only in .*"wasp" only in/,
    ],
    ['an empty class', (data) => mkdirSync(join(data, 'train', 'emu')), [], /1 of \d classes .* have no image: "emu"/],
    ['another number of classes than asked for', () => {}, ['--num-classes', '7'], /has 4 classes .* 7 outputs/],
    [
      'a class map that does not fit',
      (data) => writeFileSync(join(data, 'map.txt'), 'ant\nant\n'),
      ['--class-map', 'map.txt'],
      /names "ant" more than once/,
    ],
    [
      'images too small for the model',
      () => {},
      ['--img-size', '8', '--model', 'vim_tiny', '--model-config', '{}'],
      /smaller than a patch/,
    ],
    ['a batch larger than the data', () => {}, ['-b', '64'], /do not fill a batch of 64/],
    ['an update larger than an epoch', () => {}, ['--grad-accum-steps', '99'], /lower --grad-accum-steps/],
    ['an odd batch to be mixed', () => {}, ['-b', '3', '--mixup', '0.8'], /use an even number/],
    ['a recipe that is none', () => {}, ['--recipe', 'mambaout_femt'], /did you mean mambaout_femto/],
    ['a value that no recipe has', () => {}, ['--set', 'schedule.rat=1'], /did you mean rate\?/],
    ['a value of another kind', () => {}, ['--set', 'schedule.rate=high'], /schedule\.rate of a recipe is a number/],
    ['a teacher', () => {}, ['--recipe', 'efficientvim_m1_dist'], /learns from a teacher \(regnety_160\)/],
    [
      'weights that are missing',
      () => {},
      ['--init-from', './none.safetensors'],
      /--init-from \.\/none\.safetensors: no such file/,
    ],
  ]
  it.each(wrong)('%s', async (_, spoil, flags, message) => {
    const data = dataset({ each: 3 })
    spoil(data)
    const { status, stdout, stderr, folder } = await train(
      data,
      flags.map((flag) => (flag === 'map.txt' ? join(data, flag) : flag)),
    )
    expect([exitCodes.failed, exitCodes.usage]).toContain(status)
    expect(stderr).toMatch(/^error: [^\n]*\n$/)
    expect(stderr).toMatch(message)
    expect(stdout).not.toContain('epoch 1/')
    expect(() => readdirSync(join(folder, 'last.safetensors'))).toThrow()
  })

  it('does not write over a run, and resumes none that is not there', async () => {
    const data = dataset({ each: 3 })
    const first = await train(data, ['--epochs', '1'])
    const again = await run(['train', data, '--recipe', 'small', '--output', join(first.folder, '..'), '--experiment', 'run'])
    expect([again.status, again.stderr]).toEqual([
      exitCodes.failed,
      expect.stringMatching(/holds a training run; --resume .* goes on with it/),
    ])
    const none = await run(['train', '--resume', join(first.folder, 'none')])
    expect([none.status, none.stderr]).toEqual([exitCodes.failed, expect.stringMatching(/holds no training run/)])
    appendFileSync(join(first.folder, 'args.yaml'), 'nonsense\n')
    const broken = await run(['train', '--resume', first.folder])
    expect([broken.status, broken.stderr]).toEqual([
      exitCodes.failed,
      expect.stringMatching(/args\.yaml is not as `train` wrote it/),
    ])
  })
})

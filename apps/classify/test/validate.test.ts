import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../src/cli/failure.js'
import { names, run, temporaryFolder, writeCheckpoint } from './setup.js'
import { dataset, text } from './train-setup.js'

const place = ['--device', 'wasm', '--threads', '1', '--workers', '0']

async function checkpoint(numClasses = names.length): Promise<string> {
  const file = join(temporaryFolder(), 'weights.safetensors')
  await writeCheckpoint(file, numClasses)
  return file
}

/** The record behind `--result`. */
function result(stdout: string): Record<string, unknown> {
  const [, document] = stdout.split('--result\n')
  return JSON.parse(document!)
}

describe('validate', () => {
  it('gives the figures of predict, whatever the batch, and writes them', async () => {
    const data = dataset({ each: 9 })
    const weights = await checkpoint()
    const options = ['--model', 'test_mambaout', '--checkpoint', weights, '--img-size', '32', ...place]
    const results = join(temporaryFolder(), 'results.csv')
    const first = await run(['validate', data, ...options, '-b', '5', '--results-file', results])
    expect([first.status, first.stderr]).toEqual([exitCodes.ok, ''])
    const second = await run(['validate', data, ...options, '-b', '1', '--amp', '--log-freq', '10'])
    expect(result(second.stdout)).toEqual(result(first.stdout))
    const found = result(first.stdout)
    const predicted = await run([
      ...['predict', join(data, 'val'), '--model', 'test_mambaout', '--weights', weights, '--size', '32'],
      ...['--json', '--topk', '1', '--device', 'wasm', '--threads', '1'],
    ])
    const answers = JSON.parse(predicted.stdout).results as { file: string; predictions: { index: number }[] }[]
    const right = answers.filter(({ file, predictions }) => file.includes(`/${names[predictions[0]!.index]}/`)).length
    expect(found['top1']).toBeCloseTo((100 * right) / answers.length, 3)
    expect(found).toMatchObject({
      model: 'test_mambaout',
      top5: 100,
      top5_err: 0,
      param_count: 0.19,
      img_size: 32,
      crop_pct: 1,
      interpolation: 'bicubic',
    })
    expect(text(results)).toBe(
      `model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation\r\ntest_mambaout,${csv(found['top1'])},${csv(found['top1_err'])},100.0,0.0,0.19,32,1.0,bicubic\r\n`,
    )
  })

  it('validates every checkpoint of a folder, best first, and says which fail', async () => {
    const data = dataset({ each: 3 })
    const folder = temporaryFolder()
    for (const name of ['checkpoint-10', 'checkpoint-9']) await writeCheckpoint(join(folder, `${name}.safetensors`))
    await writeCheckpoint(join(folder, 'other.safetensors'), 7)
    const options = ['--model', 'test_mambaout', '--checkpoint', folder, '--img-size', '32', ...place]
    const { status, stdout, stderr } = await run(['validate', data, ...options])
    expect(status).toBe(exitCodes.failed)
    expect(stderr).toMatch(/^error: .*other\.safetensors: .* 7 outputs/)
    const rows = result(stdout) as unknown as { checkpoint: string }[]
    expect(rows.map((row) => row.checkpoint)).toEqual(
      ['checkpoint-9', 'checkpoint-10'].map((name) => join(folder, `${name}.safetensors`)),
    )
  })

  it('knows the model, size and classes of a run, and gives its figures again', async () => {
    const data = dataset({ each: 6 })
    const output = temporaryFolder()
    const config = [
      '--model-config',
      '{"depths":[1,1],"dims":[8,16]}',
      '--recipe',
      'small',
      '--img-size',
      '32',
      '-b',
      '4',
      '--epochs',
      '1',
    ]
    const trained = await run([
      'train',
      data,
      ...config,
      '--model-ema-decay',
      '0.5',
      '--output',
      output,
      '--experiment',
      'a',
      ...place,
    ])
    expect(trained.status, trained.stderr).toBe(exitCodes.ok)
    const last = join(output, 'a', 'last.safetensors')
    const [header, line] = text(output, 'a', 'summary.csv')
      .split('\r\n')
      .map((row) => row.split(','))
    const summary = Object.fromEntries(header!.map((name, i) => [name, Number(line![i])]))
    const of = async (...flags: string[]) => (await run(['validate', data, '--checkpoint', last, ...flags, ...place])).stdout
    expect(await of('--use-ema')).toContain(`loss ${summary['eval_loss']!.toFixed(4)}`)
    expect(await of()).toContain(`loss ${summary['eval_plain_loss']!.toFixed(4)}`)
  })

  it('judges by re-assessed labels and on some classes only', async () => {
    const weights = await checkpoint(6)
    const folder = temporaryFolder()
    const options = ['--model', 'test_mambaout', '--checkpoint', weights, '--img-size', '32', ...place]
    const valid = join(folder, 'valid.txt')
    writeFileSync(valid, '1\n2\n4\n5\n')
    const { stdout, status, stderr } = await run(['validate', dataset({ each: 3 }), ...options, '--valid-labels', valid])
    expect([status, stderr]).toEqual([exitCodes.ok, ''])
    expect(result(stdout)).toMatchObject({ top5: 100 })
    const real = join(folder, 'real.json')
    writeFileSync(real, '[[0]]')
    const misnamed = await run(['validate', dataset({ each: 3 }), ...options, '--valid-labels', valid, '--real-labels', real])
    expect([misnamed.status, misnamed.stderr]).toEqual([
      exitCodes.failed,
      expect.stringContaining('is no image of the ILSVRC-2012 validation set'),
    ])
  })

  it.each([
    [['--checkpoint', './none.pth', '--model', 'test_mambaout'], /--checkpoint \.\/none\.pth: no such file/],
    [['--checkpoint', 'FILE'], /name the model that the checkpoint is of/],
    [['--checkpoint', 'FILE', '--model', 'mambaout_femto'], /these are not weights of mambaout_femto/],
    [['--model', 'zzz*'], /no model with published weights matches/],
    [['--model', 'test_mambaout', '--checkpoint', 'FILE', '--mean', '1', '2'], /--mean takes one number/],
  ])('refuses %j', async (flags, message) => {
    const weights = await checkpoint()
    const { status, stderr } = await run([
      'validate',
      dataset({ each: 3 }),
      ...flags.map((flag) => (flag === 'FILE' ? weights : flag)),
      ...place,
    ])
    expect([exitCodes.failed, exitCodes.usage]).toContain(status)
    expect(stderr).toMatch(message)
  })
})

/** As Python writes a float. */
const csv = (value: unknown): string => (Number.isInteger(value) ? `${value}.0` : String(value))

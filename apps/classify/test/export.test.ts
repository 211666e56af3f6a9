import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeImage, evalTransform } from '@scanline/image'
import { decode } from '@scanline/onnx'
import { evalConfig, modelInfo } from '@scanline/zoo'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../src/cli/failure.js'
import { names, png, run, temporaryFolder, writeCheckpoint } from './setup.js'

const quick = ['--model', 'test_mambaout', '--size', '32']

async function workplace() {
  const folder = temporaryFolder()
  const [weights, classes, image] = ['weights.safetensors', 'classes.txt', 'image.png'].map((name) => join(folder, name))
  await writeCheckpoint(weights)
  writeFileSync(classes, `${names.join('\n')}\n`)
  writeFileSync(image, png(1))
  return { folder, image, weights, options: [...quick, '--weights', weights, '--classes', classes] }
}

/** Height by width by channels to channels first. */
const channelsFirst = (values: Float32Array, size: number): Float32Array =>
  values.map((_, i) => values[(i % (size * size)) * 3 + Math.floor(i / (size * size))]!)

const metadataOf = (path: string): Record<string, string> =>
  Object.fromEntries(decode('ModelProto', readFileSync(path)).metadataProps!.map(({ key, value }) => [key, value]))

describe('export', () => {
  it('writes a file that gives what predict gives', async () => {
    const { folder, image, options } = await workplace()
    const path = join(folder, 'model.onnx')
    const { status, stdout, stderr } = await run(['export', path, ...options])
    expect([status, stderr]).toEqual([exitCodes.ok, ''])
    expect(stdout).toBe(`${path}: 0.8 MB, opset 20\n  in   image [batch, 3, 32, 32]\n  out  logits [batch, 4]\n`)

    const predicted = await run(['predict', image, ...options, '--threads', '1', '--topk', '4', '--json'])
    const [{ predictions }] = JSON.parse(predicted.stdout).results as { predictions: { index: number; probability: number }[] }[]
    const info = modelInfo('test_mambaout')
    const values = evalTransform(evalConfig(info, 32))(await decodeImage(readFileSync(image)))
    const session = await InferenceSession.create(path)
    const results = await session.run({ image: new Tensor('float32', channelsFirst(values, 32), [1, 3, 32, 32]) })
    const logits = Array.from(results.logits!.data as Float32Array)
    await session.release()
    const total = logits.reduce((sum, v) => sum + Math.exp(v), 0)
    expect(
      logits.map((v, index) => ({ index, probability: Math.exp(v) / total })).sort((a, b) => b.probability - a.probability),
    ).toEqual(predictions.map(({ index, probability }) => ({ index, probability: expect.closeTo(probability, 5) })))
  })

  it('says in the file how images are prepared, what the outputs are called and where the weights are from', async () => {
    const { folder, weights, options } = await workplace()
    const path = join(folder, 'model.onnx')
    await run(['export', path, ...options])
    const { preprocessing, labels, ...rest } = metadataOf(path)
    expect(JSON.parse(labels!)).toEqual(names)
    expect(JSON.parse(preprocessing!)).toMatchObject({ size: [32, 32], interpolation: 'bicubic', mean: [0.485, 0.456, 0.406] })
    expect(rest).toMatchObject({ model: 'test_mambaout', weights, licence: 'Apache-2.0' })
  })

  it('writes feature maps, other axes and other opsets', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'maps.onnx')
    const { stdout } = await run(['export', path, ...quick, '--random', '--features', '--layout', 'NHWC', '--opset', '17'])
    expect(stdout.split('\n').slice(1, 4)).toEqual([
      '  in   image [batch, 32, 32, 3]',
      '  out  stage_0 [batch, 8, 8, 16]',
      '  out  stage_1 [batch, 4, 4, 32]',
    ])
    const session = await InferenceSession.create(path)
    const results = await session.run({ image: new Tensor('float32', new Float32Array(2 * 32 * 32 * 3), [2, 32, 32, 3]) })
    expect(results.stage_0!.dims).toEqual([2, 8, 8, 16])
    await session.release()
    expect(metadataOf(path)).not.toHaveProperty('labels')
    const weights = decode('ModelProto', readFileSync(path)).graph!.initializer!.map(({ name }) => name)
    expect(weights).toContain('stages.0.blocks.0.fc1.weight.T')
  })

  it.each([
    [['--random', '--weights', 'x.safetensors'], /exclude each other/, exitCodes.usage],
    [['--weights', 'no-such.safetensors'], /no-such\.safetensors: no such file/, exitCodes.failed],
    [['--random', '--opset', '16'], /from 17 to 22/, exitCodes.usage],
    [['--random', '--layout', 'CHWN'], /Allowed choices are NCHW, NHWC/, exitCodes.usage],
    [['--random', '--model', 'mambaout_femtoo'], /did you mean/, exitCodes.usage],
    [['--weights', 'WEIGHTS', '--model', 'mambaout_femto'], /these are not weights of mambaout_femto/, exitCodes.failed],
    [['--weights', 'WEIGHTS', '--classes', 'ONE'], /--classes has 1 names, the weights have 4 classes/, exitCodes.failed],
  ])('refuses %j and writes nothing', async (args, message, expected) => {
    const { folder, weights } = await workplace()
    mkdirSync(join(folder, 'out'))
    writeFileSync(join(folder, 'one.txt'), 'ant\n')
    const given = args.map((arg) => (arg === 'WEIGHTS' ? weights : arg === 'ONE' ? join(folder, 'one.txt') : arg))
    const { status, stdout, stderr } = await run(['export', join(folder, 'out', 'model.onnx'), ...quick, ...given])
    expect(stderr).toMatch(message)
    expect([status, stdout, readdirSync(join(folder, 'out'))]).toEqual([expected, '', []])
  })

  it('refuses a folder, and a file in one that is not there', async () => {
    const folder = temporaryFolder()
    expect((await run(['export', folder, ...quick, '--random'])).stderr).toMatch(/is a folder; give the file to write/)
    expect((await run(['export', join(folder, 'no', 'x.onnx'), ...quick, '--random'])).stderr).toMatch(
      /there is no folder .*no; make it/,
    )
  })
})

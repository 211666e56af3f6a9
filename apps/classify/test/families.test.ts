import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TensorData, tensorData } from '@scanline/checkpoint'
import { savePytorch, saveSafetensors } from '@scanline/checkpoint/node'
import { ReferenceBackend, sizeOf, type Tensor } from '@scanline/tensor'
import { fillState } from '@scanline/testing'
import { createModel, listModels, modelInfo } from '@scanline/zoo'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../src/cli/failure.js'
import { names, png, run, temporaryFolder } from './setup.js'

/** The smallest model of each family with a file as its authors publish it, and a size that it is quick at. */
const families = [
  { model: 'test_mambaout', size: '32', key: undefined, prefix: '' },
  { model: 'mamba_vision_T', size: '64', key: 'state_dict', prefix: 'module.' },
  { model: 'vim_tiny', size: '48', key: 'model', prefix: '' },
  { model: 'vim_tiny_rope', size: '32', key: 'model', prefix: '' },
  { model: 'efficientvim_m1', size: '64', key: 'model_ema', prefix: '' },
  { model: 'efficientvim_m1_dist', size: '64', key: 'model_ema', prefix: '' },
] as const

/** Weights for a few classes, of the published image size. */
async function weights(model: string, prefix: string): Promise<Record<string, TensorData>> {
  using built = await createModel(model, { device: new ReferenceBackend(), numClasses: names.length })
  const entries = [...built.stateDict()] as [string, Tensor][]
  const filled = fillState(
    entries.map(([name, { shape }]) => ({ name, shape })),
    'classify',
  )
  return Object.fromEntries(
    entries.map(([name, { dtype, shape }]) => {
      const { data } = filled.get(name)!
      const stored = dtype === 'i64' ? tensorData('i64', shape, new BigInt64Array(data.length)) : tensorData('f32', shape, data)
      return [`${prefix}${name}`, stored]
    }),
  )
}

describe('predict', () => {
  it.each(families)('$model, from a .pth and a .safetensors file', async ({ model, size, key, prefix }) => {
    const folder = temporaryFolder()
    const [pth, safetensors, classes] = ['weights.pth', 'weights.safetensors', 'classes.txt'].map((file) => join(folder, file))
    const published = await weights(model, prefix)
    await savePytorch(pth!, key === undefined ? published : { epoch: 3, [key]: published, args: { model } })
    await saveSafetensors(safetensors!, Object.entries(await weights(model, '')))
    writeFileSync(classes!, names.join('\n'))
    const images = [1, 2].map((seed) => join(folder, `${seed}.png`))
    for (const [i, image] of images.entries()) writeFileSync(image, png(i))
    const results = []
    for (const file of [pth!, safetensors!]) {
      const options = ['--model', model, '--weights', file, '--classes', classes!, '--size', size, '--threads', '1', '--json']
      const { status, stdout, stderr } = await run(['predict', ...images, ...options])
      expect(status, stderr).toBe(exitCodes.ok)
      const document = JSON.parse(stdout)
      expect(document).toMatchObject({ inputSize: [Number(size), Number(size)], classes: 4, images: 2, failed: 0 })
      results.push(document.results)
    }
    expect(results[0]).toEqual(results[1])
    const [first] = results[0]
    expect(first.predictions.map(({ label }: { label: string }) => label).sort()).toEqual([...names].sort())
    expect(first.predictions[0].probability).toBeLessThan(1)
    expect(first.predictions).not.toEqual(results[0][1].predictions)
  })
})

it('--averaged and --no-averaged choose between the weights of a training file', async () => {
  const folder = temporaryFolder()
  const [file, image] = [join(folder, 'training.pth'), join(folder, 'image.png')]
  const last = await weights('vim_tiny', '')
  const averaged = Object.fromEntries(
    Object.entries(last).map(([name, { shape }]) => [name, tensorData('f32', shape, new Float32Array(sizeOf(shape)))]),
  )
  await savePytorch(file, { model: last, model_ema: averaged })
  writeFileSync(image, png(1))
  const best = async (...flags: string[]): Promise<number> => {
    const options = ['--model', 'vim_tiny', '--weights', file, '--size', '32', '--threads', '1', '--json', ...flags]
    const { stdout } = await run(['predict', image, ...options])
    return JSON.parse(stdout).results[0].predictions[0].probability
  }
  // Weights of 0 find all four classes alike.
  expect(await best('--averaged')).toBe(0.25)
  const plain = await best()
  expect(plain).toBeGreaterThan(0.2501)
  expect(await best('--no-averaged')).toBe(plain)
})

it('models lists every model with licence and published figures', async () => {
  const { status, stdout } = await run(['models'])
  expect(status).toBe(exitCodes.ok)
  const rows = stdout.trimEnd().split('\n').slice(1)
  expect(rows.map((row) => row.split(/\s+/)[0])).toEqual(listModels())
  const licences = { mambaout: 'Apache-2.0', mambavision: 'CC-BY-NC-SA-4.0', vim: 'Apache-2.0', efficientvim: 'MIT' }
  for (const name of listModels()) {
    const { family, licence, published, weights: source, testInputSize } = modelInfo(name)
    expect(licence).toBe(licences[family as keyof typeof licences])
    const row = rows.find((text) => text.startsWith(`${name} `))!
    expect(row).toContain(licence)
    expect(row).toContain(`${(published.params / 1e6).toFixed(1)} M`)
    if (source === undefined) continue
    expect(row).toContain(source)
    const top1 = published.top1[testInputSize[1]]
    // Only the weights that were not fine-tuned to 1000 classes have no accuracy.
    expect(top1 === undefined, name).toBe(name === 'mambaout_base_plus_rw.sw_e150_in12k')
    if (top1 !== undefined) expect(row).toContain(`${top1.toFixed(2)} %`)
  }
})

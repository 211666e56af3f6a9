import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { changed, FIXTURES, fixture, golden, type Json, readFixture, temporaryFolder, write } from './helpers.js'

const micro = 'mambaout/micro_50x70.json'
const grads = 'mambaout/grad_micro_40x56.json'

describe('files that hold', () => {
  it('a whole folder, on the reference backend', async () => {
    const { status, out, err } = await golden('--device', 'reference', FIXTURES)
    expect(err).toBe('')
    expect(out).toMatch(/\n(\d+) files: \1 hold\n$/)
    expect(status).toBe(0)
  })

  // The files of flags were made with timm's own model: silu, wide and narrow convolutions, layer scale, another head and pool.
  const onWasm = [micro, 'mambaout/blocks.json', grads, 'mambaout/flags_37x50.json', 'mambaout/grad_flags_37x50.json']
  it.each(onWasm)('%s on wasm, in float32', async (name) => {
    const { status, out } = await golden('--threads', '1', fixture(name))
    expect(out).not.toContain('BROKEN')
    expect(status).toBe(0)
  })

  it('every tensor of a file is checked eagerly and compiled', async () => {
    const { out } = await golden('--device', 'reference', '--json', fixture(micro), fixture(grads))
    const [model, gradients] = JSON.parse(out).files
    const runsOf = (checks: Json[], name: string) => checks.filter((c) => c.name === name).map((c) => c.run)
    const reference = readFixture(micro)
    for (const name of [...Object.keys(reference.stages), 'logits'])
      expect(runsOf(model.checks, name), name).toEqual(['eager', 'compiled'])
    expect(runsOf(model.checks, 'forward: logits')).toEqual(['compiled'])
    for (const [name] of readFixture(grads).grads)
      expect(runsOf(gradients.checks, `grads.${name}`), name).toEqual(['eager', 'compiled'])
    for (const name of ['loss', 'logits', 'input_grad']) expect(runsOf(gradients.checks, name)).toEqual(['eager', 'compiled'])
  })

  it('another salt gives other weights, another input and so other values', async () => {
    const path = changed(micro, (json) => (json.salt = 'g2'))
    const { status, out } = await golden('--device', 'reference', path)
    expect(out.match(/BROKEN/g)).toHaveLength(12)
    expect(status).toBe(1)
  })
})

describe('values that do not hold end with status 1', () => {
  const off = (values: number[]) => (values[3] += 0.01)
  it.each<[string, string, string, (json: Json) => void]>([
    ['a sample', micro, 'stage2', (json) => off(json.stages.stage2.samples)],
    ['a whole tensor', micro, 'features', (json) => off(json.stages.features.data)],
    ['a statistic', micro, 'stem', (json) => (json.stages.stem.mean += 1e-3)],
    ['logits', micro, 'logits', (json) => off(json.logits.data)],
    ['the order of the state', micro, 'state', (json) => json.state.unshift(json.state.pop())],
    ['the number of parameters', micro, 'params', (json) => json.params++],
    ['a gradient', grads, 'grads.head.fc2.bias', (json) => (json.grads.at(-1)[1] *= 1.001)],
    ['the gradient of the input', grads, 'input_grad', (json) => (json.input_grad.std *= 1.01)],
    ['the loss', grads, 'loss', (json) => (json.loss += 1e-4)],
    ['a name', 'mambaout/timm_keys_femto.json', 'official to timm', (json) => (json.keys[4][1] = 'stem.norm3.weight')],
    ['an output of a block', 'mambaout/blocks.json', 'MlpHead', (json) => off(json.blocks[1].output.data)],
    ['an input of a block', 'mambaout/blocks.json', 'input', (json) => off(json.blocks[1].input.data)],
    ['a hash', 'prng.json', 'fnv1a32', (json) => json['fnv1a32(check:input)']++],
    ['a size', 'preprocessing/geometry.json', 'shorter_side[0]', (json) => json.shorter_side[0].new_width++],
    ['a weight', 'preprocessing/resize_coefficients.json', 'rows[0]', (json) => json.rows[0].outputs[0].weights[0]++],
    [
      'a type',
      'mambavision/blocks.json',
      'state',
      (json) => (json.blocks[4].state.find((line: Json) => line[2] === 'int64')[2] = 'float32'),
    ],
    ['a checksum', 'preprocessing/modes.json', 'cases[0]', (json) => (json.cases[0].rgb.sha256 = '0'.repeat(64))],
  ])('%s', async (_, name, tensor, change) => {
    const { status, out } = await golden('--device', 'reference', changed(name, change))
    const broken = out.split('\n').filter((line) => line.includes('BROKEN'))
    expect(broken.some((line) => line.includes(tensor))).toBe(true)
    expect(status).toBe(1)
  })

  it('the bound is the file’s own, where it is wider than 2e-5', async () => {
    const wider = changed(micro, (json) => {
      json.logits.data = json.logits.data.map((v: number) => 1.0001 * v)
      json.float32_error = 5e-5
    })
    expect((await golden('--threads', '1', wider)).status).toBe(0)
    const narrower = changed(micro, (json) => (json.logits.data = json.logits.data.map((v: number) => 1.0001 * v)))
    expect((await golden('--threads', '1', narrower)).status).toBe(1)
  })

  it('a checkpoint that decodes to something else, and one that should not decode', async () => {
    const folder = temporaryFolder()
    cpSync(fixture('checkpoints'), folder, { recursive: true })
    const manifest = readFixture('checkpoints/manifest.json')
    // JSON.stringify writes -0 as 0.
    manifest.files = manifest.files.filter((c: Json) => !c.values)
    const entry = (name: string) => manifest.files.find((c: Json) => c.file === name)
    entry('state_dict.pth').content.items[0][0].v = 'stem.other'
    entry('views.pt').expect = 'error'
    entry('st_bad_hole.safetensors').expect = 'refuse'
    entry('hostile_os_system.pth').expect = 'decode'
    const { status, out } = await golden('--device', 'reference', write(manifest, 'manifest.json', folder))
    const broken = out.split('\n').filter((line) => line.includes('BROKEN'))
    expect(broken.map((line) => line.trim().split(/\s+/)[1]).sort()).toEqual(
      ['hostile_os_system.pth', 'st_bad_hole.safetensors', 'state_dict.pth', 'views.pt'].sort(),
    )
    expect(status).toBe(1)
  })
})

describe('files that cannot be read end with status 2', () => {
  it.each<[string, string, (json: Json) => void, string]>([
    ['a missing field', micro, (json) => delete json.stages.stem.shape, 'stages.stem: needs the field "shape"'],
    ['too few values', micro, (json) => json.logits.data.pop(), 'logits.data: 19 values do not fill the shape [2, 10] (20)'],
    ['a shape that is none', micro, (json) => (json.input.shape = [2, 3, -1, 5]), 'input.shape[2]: expected a whole number'],
    ['samples beyond the tensor', micro, (json) => (json.stages.stem.step = 1e6), 'stages.stem.samples: 64 samples'],
    ['an unknown model', micro, (json) => (json.model = 'mambaout_atto'), 'model: there is no model "mambaout_atto"'],
    ['an unknown argument', micro, (json) => (json.args.window = 7), 'args.window: no such argument; there are'],
    ['an argument of the other repository', micro, (json) => (json.args.stem_mid_norm = true), 'args.stem_mid_norm: no such'],
    ['an argument of another type', micro, (json) => (json.args.dims = 'wide'), 'args.dims: expected a list, found a string'],
    ['an unknown layout', micro, (json) => (json.layout = 'HWCN'), 'layout: expected a layout'],
    ['an unknown class', 'mambaout/blocks.json', (json) => (json.blocks[0].class = 'Mixer'), 'blocks[0].class: expected one of'],
    ['a block without its width', 'mambaout/blocks.json', (json) => delete json.blocks[0].args.dim, 'blocks[0].args: needs'],
    ['a kept entry that is not there', micro, (json) => (json.kept = ['freqs']), 'kept: "freqs" is no entry of state'],
    ['a row with too few columns', grads, (json) => json.grads[2].pop(), 'grads[2]: expected 3 entries, found 2'],
    ['an image file that is not there', 'preprocessing/files.json', () => {}, 'files[0].file: cannot be read'],
    [
      'an unknown filter',
      'preprocessing/resize.json',
      (json) => (json.cases[1].filter = 'cubic'),
      'cases[1].filter: expected one of',
    ],
    [
      'an unknown option',
      'preprocessing/eval_transforms.json',
      (json) => (json.cases[0].config.zoom = 2),
      'config.zoom: unknown option',
    ],
  ])('%s', async (_, name, change, message) => {
    const path = changed(name, change)
    const { status, err } = await golden('--device', 'reference', path)
    expect(err).toContain(`${path}: `)
    expect(err).toContain(message)
    expect(status).toBe(2)
  })

  it.each([
    ['{"model": "mambaout', 'is no JSON'],
    ['[1, 2]', 'expected an object'],
    ['{"name": "package"}', 'is no reference file'],
  ])('%s', async (content, message) => {
    const { status, err } = await golden('--device', 'reference', write(content))
    expect(err).toContain(message)
    expect(status).toBe(2)
  })

  it('the other files are still run', async () => {
    const { status, out, err } = await golden('--device', 'reference', 'nowhere.json', fixture('prng.json'))
    expect(err).toMatch(/^nowhere\.json: cannot be read \(ENOENT/)
    expect(out).toContain('2 files: 1 unreadable, 1 hold')
    expect(status).toBe(2)
  })

  it.each([
    [['--device', 'abacus', 'x.json'], 'abacus'],
    [['--threads', '0', 'x.json'], 'whole number'],
    [[], 'missing required argument'],
    [['--fast', 'x.json'], '--fast'],
  ])('the arguments %j', async (args, message) => {
    const { status, err } = await golden(...args)
    expect(err).toContain(message)
    expect(status).toBe(2)
  })

  it('a folder without reference files', async () => {
    const { status, err } = await golden('--device', 'reference', temporaryFolder())
    expect(err).toContain('no .json file below')
    expect(status).toBe(2)
  })
})

describe('what is not supported yet', () => {
  it.each<[string, Json, string]>([
    ['a family', { family: 'vim', model: 'vim_tiny', salt: 'g1', features: {} }, 'family "vim" with features'],
    ['a preprocessing file', { kind: 'preprocessing', salt: 'g1', rectangles: [] }, 'kind "preprocessing" with rectangles'],
    ['a task', { salt: 'g1', what: 'anchors', cases: [] }, 'what "anchors" with cases'],
  ])('%s', async (_, json, message) => {
    const { status, out } = await golden('--device', 'reference', write(json))
    expect(out).toContain(`not supported yet: ${message}`)
    expect(out).toMatch(/1 file: 1 not supported yet\n$/)
    expect(status).toBe(1)
  })

  it.each<[string, string, (json: Json) => void, string]>([
    ['values of a model that nothing compares', micro, (json) => (json.pyramid = json.stages), 'pyramid'],
    ['a flag that nothing reads', micro, (json) => (json.channels_last = false), 'channels_last'],
    ['a number that nothing reads', grads, (json) => (json.label_smoothing = 0.1), 'label_smoothing'],
    ['a flag of an operation', 'ops/add_norm.json', (json) => (json.cases[0].dropout = 0.5), 'cases[0].dropout'],
  ])('%s', async (_, name, change, field) => {
    const { status, out } = await golden('--device', 'reference', changed(name, change))
    expect(out).toContain(`${field}: what this field holds`)
    expect(status).toBe(1)
  })

  it('a remark is none of that, nor is a null', async () => {
    const path = changed(micro, (json) => Object.assign(json, { remark: 'small', seed: null, square_error: 0 }))
    expect((await golden('--device', 'reference', path)).status).toBe(0)
  })

  it('an activation in one block leaves the other blocks running', async () => {
    const path = changed('mambaout/blocks.json', (json) => (json.blocks[0].args.act_layer = 'Mish'))
    const { status, out } = await golden('--device', 'reference', path)
    expect(out).toMatch(/not supported yet: blocks\[0\].*the activation "Mish"/)
    expect(out).toContain('blocks[4]')
    expect(out).not.toContain('BROKEN')
    expect(status).toBe(1)
  })
})

describe('as a process', () => {
  const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
  // Where the package was not built there is no process to start; `npm test` builds first.
  it.skipIf(!existsSync(cli))('prints a table and ends with the status', () => {
    const out = execFileSync(process.execPath, [cli, '--device', 'reference', fixture('prng.json')], { encoding: 'utf8' })
    expect(out).toContain('holds: 3 checks hold')
    const broken = changed('prng.json', (json) => (json.input[0] += 1))
    expect(spawnSync(process.execPath, [cli, '--device', 'reference', broken]).status).toBe(1)
    expect(spawnSync(process.execPath, [cli, '--device', 'reference', write('{')]).status).toBe(2)
  })
})

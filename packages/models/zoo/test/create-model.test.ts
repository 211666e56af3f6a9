import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesSource, openCheckpoint, tensorData, writePytorch, writeSafetensors } from '@scanline/checkpoint'
import { createHub } from '@scanline/hub'
import { MambaOut, variants } from '@scanline/mambaout'
import { StateDictError } from '@scanline/nn'
import { Generator, ReferenceBackend, type Tensor, tensor } from '@scanline/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CreateModelOptions, createModel, FeatureExtractor, type ModelProgress, UnknownModelError } from '../src/index.js'

const device = new ReferenceBackend()
const trained = new MambaOut(variants.test_mambaout, { device, generator: new Generator(1) }).eval()
const images = (channels = 3): Tensor =>
  tensor(
    Float32Array.from({ length: 2 * 24 * 17 * channels }, (_, i) => Math.sin(i)),
    { shape: [2, 24, 17, channels], device },
  )

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk.slice())
  return Buffer.concat(parts)
}
const safetensors = async (weights: ReadonlyMap<string, Tensor>): Promise<Uint8Array> => {
  const entries = new Map<string, ReturnType<typeof tensorData>>()
  for (const [name, t] of weights) entries.set(name, tensorData('f32', t.shape, (await t.data()) as Float32Array))
  return collect(writeSafetensors(entries))
}

describe('weights of one’s own', () => {
  test('a safetensors file in timm’s layout', async () => {
    const checkpoint = await openCheckpoint(bytesSource(await safetensors(trained.stateDict())))
    using model = await createModel('test_mambaout', { device, weights: checkpoint })
    expect(model.training).toBe(false)
    expect(await model.forward(images()).data()).toEqual(await trained.forward(images()).data())
  })
  test('a PyTorch file in the official layout, under "model", with progress', async () => {
    const weights: Record<string, ReturnType<typeof tensorData>> = {}
    for (const [name, t] of trained.stateDict({ layout: 'official' }))
      weights[name] = tensorData('f32', t.shape, (await t.data()) as Float32Array)
    const file = await collect(writePytorch({ epoch: 3, model: weights }))
    const seen: ModelProgress[] = []
    using model = await createModel('test_mambaout', {
      device,
      weights: await openCheckpoint(bytesSource(file)),
      onProgress: (p) => seen.push(p),
    })
    expect(await model.forward(images()).data()).toEqual(await trained.forward(images()).data())
    expect(seen.at(-1)).toEqual({ phase: 'load', name: 'test_mambaout', loaded: 447560, total: 447560 })
  })
  test('other classes: the backbone is loaded, the classifier new, and this is said', async () => {
    const notices: string[] = []
    const options = { device, weights: trained.stateDict(), numClasses: 7, onNotice: (m: string) => notices.push(m) }
    using model = await createModel('test_mambaout', options)
    const features = (m: typeof model) => m.forwardHead(m.forwardFeatures(images()), { preLogits: true }).data()
    expect(await features(model)).toEqual(await features(trained))
    expect(new Set((await model.forward(images()).data()) as Float32Array)).toEqual(new Set([0]))
    expect(notices).toEqual(['the classifier for 7 classes is new, all 0: that of the weights has 1000'])
    using random = await createModel('test_mambaout', { ...options, generator: new Generator(2) })
    expect(new Set((await random.forward(images()).data()) as Float32Array).size).toBe(14)
  })
  test('weights with their own number of classes and channels bring them along', async () => {
    const own = new MambaOut({ ...variants.test_mambaout, numClasses: 3, inChans: 2 }, { device, generator: new Generator(4) })
    using model = await createModel('test_mambaout', { device, weights: own.stateDict() })
    expect(model.forward(images(2)).shape).toEqual([2, 3])
  })
  test('other channels: grey is the sum, four repeat the three', async () => {
    const rgb = (await trained.stem.conv1.weight.data()) as Float32Array
    const at = (o: number, c: number, tap: number) => rgb[(o * 3 + (c % 3)) * 9 + tap]
    using grey = (await createModel('test_mambaout', { device, weights: trained.stateDict(), inChans: 1 })) as MambaOut
    const one = (await grey.stem.conv1.weight.data()) as Float32Array
    using wide = (await createModel('test_mambaout', { device, weights: trained.stateDict(), inChans: 4 })) as MambaOut
    const four = (await wide.stem.conv1.weight.data()) as Float32Array
    for (let o = 0; o < 8; o++)
      for (let tap = 0; tap < 9; tap++) {
        expect(one[o * 9 + tap]).toBeCloseTo(at(o, 0, tap) + at(o, 1, tap) + at(o, 2, tap), 6)
        for (let c = 0; c < 4; c++) expect(four[(o * 4 + c) * 9 + tap]).toBeCloseTo(0.75 * at(o, c, tap), 6)
      }
    expect(grey.forward(images(1)).shape).toEqual([2, 1000])
  })
  test('weights of another model are refused, and nothing stays allocated', async () => {
    const own = new ReferenceBackend()
    await expect(createModel('mambaout_femto', { device: own, weights: trained.stateDict() })).rejects.toThrow(StateDictError)
    expect(own.memory().bytes).toBe(0)
  })
})

describe('features only', () => {
  test('maps of the chosen stages with their channels and reductions', async () => {
    const own = new ReferenceBackend()
    const weights = trained.stateDict()
    const full = await createModel('test_mambaout', { device: own, weights })
    const whole = own.memory().bytes
    full.dispose()
    const model = await createModel('test_mambaout', { device: own, weights, featuresOnly: true, outIndices: [0, 2] })
    expect(model).toBeInstanceOf(FeatureExtractor)
    expect([model.channels, model.reductions, model.training]).toEqual([[16, 48], [4, 16], false])
    expect(own.memory().bytes).toBeLessThan(whole)
    const x = tensor((await images().data()) as Float32Array, { shape: [2, 24, 17, 3], device: own })
    const maps = model.forward(x)
    expect(maps.map((m) => m.shape)).toEqual([
      [2, 6, 5, 16],
      [2, 2, 2, 48],
    ])
    const expected = trained.features(images(), { outIndices: [0, 2] })
    expect(await maps[1].data()).toEqual(await expected[1].data())
    for (const t of [...maps, x]) t.dispose()
    model.dispose()
    expect(own.memory().bytes).toBe(0)
  })
})

describe('published weights', () => {
  let folder: string
  const file = (async () => {
    // Only names and shapes matter: one value everywhere is quick to make.
    const model = new MambaOut(variants.mambaout_femto, { device })
    const entries = [...model.stateDict()].map(
      ([name, t]) => [name, tensorData('f32', t.shape, new Float32Array(t.size).fill(0.5))] as const,
    )
    model.dispose()
    return collect(writeSafetensors(new Map(entries)))
  })()
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (request.url !== '/timm/mambaout_femto.in1k/resolve/main/model.safetensors') return response.writeHead(404).end()
    const body = await file
    response.writeHead(200, { 'content-length': body.length, etag: '"1"' })
    return request.method === 'HEAD' ? response.end() : response.end(body)
  })
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scanline-zoo-'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  })
  const hub = (more = {}) =>
    createHub({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cacheDir: folder, token: false, ...more })

  test('are downloaded once, then taken from the cache', async () => {
    const seen: ModelProgress[] = []
    using model = await createModel('mambaout_femto.in1k', {
      device,
      pretrained: true,
      hub: hub(),
      onProgress: (p) => seen.push(p),
    })
    expect(new Set((await (model as MambaOut).head.fc!.bias!.data()) as Float32Array)).toEqual(new Set([0.5]))
    const size = (await file).length
    expect(seen.filter((p) => p.phase === 'download').at(-1)).toEqual({
      phase: 'download',
      name: 'mambaout_femto.in1k',
      loaded: size,
      total: size,
    })
    const before = requests.filter((r) => r.startsWith('GET')).length
    using again = await createModel('mambaout_femto', {
      device,
      pretrained: true,
      hub: hub({ offline: true }),
      featuresOnly: true,
    })
    expect(again.channels).toEqual([48, 96, 192, 288])
    expect(requests.filter((r) => r.startsWith('GET')).length).toBe(before)
  })
  test('a missing file, no weights at all, and both kinds of weights are told', async () => {
    await expect(createModel('mambaout_kobe', { device, pretrained: true, hub: hub() })).rejects.toThrow(/mambaout_kobe/)
    await expect(createModel('test_mambaout', { device, pretrained: true })).rejects.toThrow(/no published weights/)
    await expect(createModel('test_mambaout', { device, pretrained: true, weights: trained.stateDict() })).rejects.toThrow(
      /not both/,
    )
    await expect(createModel('mambaout_fempto', { device })).rejects.toThrow(UnknownModelError)
  })
})

test('from a generator: the same seed gives the same model; rates reach it', async () => {
  const options = { device, numClasses: 4, dropPathRate: 0.2, dropRate: 0.1 }
  using a = (await createModel('test_mambaout', { ...options, generator: new Generator(9) })) as MambaOut
  using b = await createModel('test_mambaout', { ...options, generator: new Generator(9) })
  expect(await a.forward(images()).data()).toEqual(await b.forward(images()).data())
  expect([a.config.dropPathRate, a.config.headDropout]).toEqual([0.2, 0.1])
})

test.each([
  ['a stage that there is not', { featuresOnly: true, outIndices: [9] } as const, /stage 9 is not there/],
  ['a rate above 1', { dropPathRate: 2 }, /between 0 and 1, got 2/],
  ['a rate below 0', { dropRate: -1 }, /between 0 and 1, got -1/],
])('%s is refused, and nothing stays in memory', async (_, options, message) => {
  const own = new ReferenceBackend()
  const settings: CreateModelOptions = { device: own, generator: new Generator(0), ...options }
  const refused = createModel('test_mambaout', settings)
  await expect(refused).rejects.toThrow(message)
  expect(own.memory().buffers).toBe(0)
})

test('another configuration of an architecture, and other classes', async () => {
  const config = { depths: [1, 1], dims: [8, 16] }
  using model = await createModel('test_mambaout', {
    device: new ReferenceBackend(),
    generator: new Generator(1),
    config,
    numClasses: 3,
  })
  expect(model.featureInfo.map(({ channels }) => channels)).toEqual([8, 16])
  expect(model.numClasses).toBe(3)
})

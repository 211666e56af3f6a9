import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chooseDevice } from '@scanline/devices'
import { NetworkError } from '@scanline/hub'
import { describe, expect, it, vi } from 'vitest'
import { exitCodes } from '../src/cli/failure.js'
import { asWeightsFailure } from '../src/cli/load-weights.js'
import { readImage } from '../src/cli/read-image.js'
import { names, png, run, serve, temporaryFolder, writeCheckpoint } from './setup.js'

interface Document {
  readonly [key: string]: unknown
  readonly results: { file: string; error?: string; predictions?: { index: number; label: string; probability: number }[] }[]
}

/** A folder with weights, names and pictures, and the options that use them. */
async function workplace() {
  const folder = temporaryFolder()
  const weights = join(folder, 'weights.safetensors')
  const classes = join(folder, 'classes.txt')
  await writeCheckpoint(weights)
  writeFileSync(classes, `${names.join('\n')}\n`)
  const put = (name: string, bytes: Uint8Array | string = png(1)): string => {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, bytes)
    return path
  }
  const quick = ['--model', 'test_mambaout', '--size', '32', '--threads', '1']
  const options = [...quick, '--weights', weights, '--classes', classes]
  return { folder, weights, classes, put, quick, options }
}

const json = (stdout: string): Document => JSON.parse(stdout) as Document
const filesOf = (stdout: string): string[] => json(stdout).results.map(({ file }) => file)

describe('predict', () => {
  it('prints a table for each image on stdout and the speed on stderr', async () => {
    const { put, options } = await workplace()
    const image = put('one.png')
    const { status, stdout, stderr } = await run(['predict', image, ...options, '--topk', '2'])
    expect(status).toBe(exitCodes.ok)
    const [title, first, second, ...rest] = stdout.split('\n')
    expect(title).toBe(image)
    expect(first).toMatch(/^ {2}1 {2}(ant|bee|cat|dog) {2} *\d+\.\d % {2}█/)
    expect(second).toMatch(/^ {2}2 {2}(ant|bee|cat|dog) {2} *\d+\.\d %/)
    expect(rest).toEqual(['', ''])
    expect(stderr).toMatch(/^1 image in \d+\.\d\d s \([\d.]+ images\/s\): test_mambaout, 32 x 32, \w+, 1 thread, batch 1\n$/)
    expect(stderr).toContain(`, ${(await chooseDevice()).name}, `)
  })

  it('prints one JSON document with --json, and nothing else', async () => {
    const { put, options, weights } = await workplace()
    const [good, bad] = [put('good.png'), put('bad.png', png(1).subarray(0, 200))]
    const { status, stdout, stderr } = await run(['predict', good, bad, ...options, '--json'])
    expect([status, stderr]).toEqual([exitCodes.failed, ''])
    const { results, ...run1 } = json(stdout)
    expect(run1).toEqual({
      model: 'test_mambaout',
      weights,
      device: (await chooseDevice()).name,
      threads: 1,
      batch: 1,
      inputSize: [32, 32],
      classes: 4,
      images: 2,
      failed: 1,
      seconds: expect.any(Number),
      imagesPerSecond: expect.any(Number),
    })
    const [first, second] = results
    expect(first?.file).toBe(good)
    expect(first?.predictions?.map(({ label, index }) => names[index] === label)).toEqual([true, true, true, true])
    expect(first?.predictions?.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5)
    expect(second).toEqual({ file: bad, error: expect.stringContaining('PNG data') })
  })

  it('goes through folders in natural order, links to files included, and leaves other files alone', async () => {
    const { folder, put, options } = await workplace()
    for (const name of ['n10.png', 'n9.PNG', 'sub/deep/a.jpeg', 'sub/B.webp']) put(`in/${name}`)
    for (const other of ['notes.txt', '.hidden.png', '._n9.png', '.cache/x.png']) put(`in/${other}`)
    symlinkSync(put('elsewhere.png'), join(folder, 'in', 'n1.png'))
    symlinkSync(join(folder, 'in'), join(folder, 'in', 'sub', 'circle'))
    const { status, stdout } = await run(['predict', join(folder, 'in'), ...options, '--json'])
    expect(filesOf(stdout).map((file) => file.slice(folder.length + 4))).toEqual([
      'n1.png',
      'n9.PNG',
      'n10.png',
      'sub/B.webp',
      'sub/deep/a.jpeg',
    ])
    // Formats are told apart by content: all of these are PNG files.
    expect(status).toBe(exitCodes.ok)
  })

  it('gives the same answers for every batch size, also when the last batch is smaller', async () => {
    const { folder, put, options } = await workplace()
    for (let i = 0; i < 5; i++) put(`in/${i}.png`, png(i))
    put('in/2b.png', 'damaged')
    const answers = []
    for (const batch of ['1', '2', '5', '64']) {
      const { stdout } = await run(['predict', join(folder, 'in'), ...options, '--json', '--batch', batch])
      answers.push(json(stdout).results)
    }
    for (const results of answers) {
      expect(results.map(({ file }) => file)).toEqual(answers[0]!.map(({ file }) => file))
      for (const [i, { error, predictions }] of results.entries()) {
        const expected = answers[0]![i]!
        expect(error).toBe(expected.error)
        for (const [k, { label, probability }] of (predictions ?? []).entries()) {
          expect(label).toBe(expected.predictions![k]!.label)
          expect(probability).toBeCloseTo(expected.predictions![k]!.probability, 4)
        }
      }
    }
  })

  it('names every input that is no image, and still classifies the others', async () => {
    const { folder, put, options } = await workplace()
    mkdirSync(join(folder, 'empty'))
    const inputs = [
      join(folder, 'none.png'),
      join(folder, 'empty'),
      put('text.png', 'hello'),
      put('\u001b[2Jodd.png'),
      put('last.png'),
    ]
    const { status, stdout, stderr } = await run(['predict', ...inputs, ...options])
    expect(status).toBe(exitCodes.failed)
    const lines = stderr.trimEnd().split('\n')
    expect(lines[0]).toBe(`error: ${inputs[0]}: no such file or folder`)
    expect(lines[1]).toContain(`error: ${inputs[1]}: no images in this folder`)
    expect(lines[2]).toContain(`error: ${inputs[2]}: `)
    expect(lines[3]).toMatch(/^2 images in /)
    expect(lines[4]).toBe('error: 3 of 5 images could not be classified')
    expect(lines).toHaveLength(5)
    expect(stdout).toContain('\ufffd[2Jodd.png')
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain(inputs[4])
  })

  it('runs on the device that is named, with the same answer', async () => {
    const { put, options } = await workplace()
    const image = put('one.png')
    const on = async (device: string) => json((await run(['predict', image, ...options, '--device', device, '--json'])).stdout)
    const documents = [await on('wasm'), await on('reference')]
    expect(documents.map((d) => d['device'])).toEqual(['wasm', 'reference'])
    const [a, b] = documents.map(({ results }) => results[0]!.predictions!)
    for (const [i, { label, probability }] of a!.entries()) {
      expect(label).toBe(b![i]!.label)
      expect(probability).toBeCloseTo(b![i]!.probability, 4)
    }
  })
})

describe('predict from addresses', () => {
  it('downloads images, and says what a server answers', async () => {
    const { options } = await workplace()
    const site = await serve((request, response) => {
      if (request.url === '/moved.png') response.writeHead(302, { location: '/cat.png?size=1' }).end()
      else if (request.url?.startsWith('/cat.png')) response.end(png(1))
      else if (request.url === '/cut.png') {
        response.writeHead(200, { 'content-length': 5000 }).write(png(1).subarray(0, 50))
        setTimeout(() => response.destroy(), 20)
      } else if (request.url === '/page.png') response.end('<!doctype html><title>Log in</title>')
      else response.writeHead(404).end('no')
    })
    const { status, stdout } = await run([
      'predict',
      ...['cat', 'moved', 'page', 'gone', 'cut'].map((n) => `${site}/${n}.png`),
      'ftp://localhost/cat.png',
      ...options,
      '--json',
    ])
    expect(status).toBe(exitCodes.failed)
    const [cat, moved, page, gone, cut, ftp] = json(stdout).results
    expect(cat?.predictions).toHaveLength(4)
    expect(moved?.predictions).toEqual(cat?.predictions)
    expect(page?.error).toBeDefined()
    expect(gone?.error).toBe('the server answered 404 Not Found')
    expect(cut?.error).toMatch(/^the connection broke off; /)
    expect(ftp?.error).toMatch(/^only http:\/\/ and https:\/\/ addresses/)
  })

  it('says why a server cannot be reached, and does not try when offline', async () => {
    const { options } = await workplace()
    let asked = 0
    const site = await serve((_, response) => {
      asked++
      response.end(png(1))
    })
    const refused = await run(['predict', 'http://127.0.0.1:1/cat.png', ...options, '--json'])
    expect(json(refused.stdout).results[0]?.error).toMatch(/^fetch failed: /)
    const offline = await run(['predict', `${site}/cat.png`, ...options, '--json', '--offline'])
    const byVariable = await run(['predict', `${site}/cat.png`, ...options, '--json'], { env: { HF_HUB_OFFLINE: '1' } })
    for (const { stdout } of [offline, byVariable]) expect(json(stdout).results[0]?.error).toMatch(/offline mode is on/)
    expect(asked).toBe(0)
  })

  it('reads no more than the limit and waits no longer than the time-out', async () => {
    const site = await serve((request, response) => {
      if (request.url === '/silent') return
      const more = (): boolean => response.destroyed || response.write(new Uint8Array(1 << 16))
      while (more());
      response.on('drain', () => {
        while (more() && !response.destroyed);
      })
    })
    const signal = new AbortController().signal
    await expect(readImage(`${site}/endless`, { signal, offline: false, maxBytes: 2 ** 20 })).rejects.toThrow('larger than 1 MiB')
    await expect(readImage(`${site}/silent`, { signal, offline: false, timeoutMs: 50 })).rejects.toThrow(
      'not complete after 0.05 s',
    )
    const file = join(temporaryFolder(), 'large.png')
    writeFileSync(file, '')
    truncateSync(file, 2 ** 20 + 1)
    await expect(readImage(file, { signal, offline: false, maxBytes: 2 ** 20 })).rejects.toThrow('larger than 1 MiB')
  })
})

describe('weights', () => {
  it('come from an address or a hub, once', async () => {
    const { put, quick, weights } = await workplace()
    const image = put('one.png')
    const body = readFileSync(weights)
    const digest = createHash('sha256').update(body).digest('hex')
    const gets: string[] = []
    const site = await serve(({ method, url = '' }, response) => {
      if (method === 'GET') gets.push(url)
      const hub = {
        'x-repo-commit': 'c0ffee0000000000000000000000000000000001',
        'x-linked-etag': `"${digest}"`,
        'x-linked-size': body.length,
      }
      if (/^\/org\/tiny\/resolve\/[^/]+\/model\.safetensors$/.test(url))
        response.writeHead(302, { ...hub, location: '/blob' }).end()
      else if (url === '/blob' || url === '/w.safetensors')
        response.writeHead(200, { 'content-length': body.length, etag: '"v1"' }).end(method === 'HEAD' ? undefined : body)
      else response.writeHead(404).end()
    })
    vi.stubEnv('HF_ENDPOINT', site)
    vi.stubEnv('SCANLINE_CACHE', temporaryFolder())
    try {
      const local = await run(['predict', image, ...quick, '--weights', weights, '--json'])
      for (const source of ['org/tiny', 'hf:org/tiny', `${site}/w.safetensors`]) {
        const remote = await run(['predict', image, ...quick, '--weights', source, '--json'])
        expect([remote.status, remote.stderr]).toEqual([exitCodes.ok, ''])
        expect(json(remote.stdout).results).toEqual(json(local.stdout).results)
      }
      expect(gets.filter((url) => url === '/blob' || url === '/w.safetensors')).toEqual(['/blob', '/w.safetensors'])
      const offline = await run(['predict', image, ...quick, '--weights', 'org/tiny', '--json', '--offline'])
      expect(json(offline.stdout).results).toEqual(json(local.stdout).results)
      const other = await run(['predict', image, ...quick, '--weights', 'org/other'])
      expect([other.status, other.stdout]).toEqual([exitCodes.failed, ''])
      expect(other.stderr).toMatch(/^error: .*org\/other.*\n$/)
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('that are published are asked for by default; without them the error names the way out', async () => {
    const { put } = await workplace()
    vi.stubEnv('SCANLINE_CACHE', temporaryFolder())
    try {
      const { status, stdout, stderr } = await run(['predict', put('one.png'), '--offline', '--threads', '1'])
      expect([status, stdout]).toEqual([exitCodes.failed, ''])
      expect(stderr).toMatch(/^error: timm\/mambaout_femto\.in1k is not in the cache, and offline mode is on.*\n$/)
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it.each<[string, (place: Awaited<ReturnType<typeof workplace>>) => readonly string[], RegExp]>([
    ['a missing file', ({ folder }) => ['--weights', join(folder, 'none.safetensors')], /none\.safetensors: no such file/],
    [
      'a damaged file',
      ({ put, weights }) => ['--weights', put('cut.safetensors', readFileSync(weights).subarray(0, 5000))],
      /cut\.safetensors/,
    ],
    ['a file of something else', ({ put }) => ['--weights', put('page.pth', '<!doctype html>')], /web page, not a checkpoint/],
    [
      'weights of another model',
      ({ weights }) => ['--model', 'mambaout_femto', '--weights', weights],
      /^.{20,400}weights\.safetensors: these are not weights of mambaout_femto.in1k: .*missing \(such as [a-z0-9_.]+\).*\[.*\], not \[.*--model\n$/,
    ],
    [
      'too few names',
      ({ put, weights }) => ['--weights', weights, '--classes', put('n.txt', 'a\nb\n')],
      /2 class names do not fit weights with 4 classes/,
    ],
    ['an empty name', ({ put, weights }) => ['--weights', weights, '--classes', put('n.txt', 'a\n\nb\n')], /line 2 is empty/],
    [
      'no names file',
      ({ folder, weights }) => ['--weights', weights, '--classes', join(folder, 'n.txt')],
      /n\.txt: cannot be read/,
    ],
  ])('%s: one line, nothing on stdout, status 1', async (_, optionsFor, message) => {
    const place = await workplace()
    const { status, stdout, stderr } = await run(['predict', place.put('one.png'), ...place.quick, ...optionsFor(place)])
    expect([status, stdout]).toEqual([exitCodes.failed, ''])
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
    expect(stderr).toMatch(message)

    const document = await run(['predict', place.put('one.png'), ...place.quick, ...optionsFor(place), '--json'])
    expect(document.status).toBe(exitCodes.failed)
    expect(json(document.stdout)).toEqual({ results: [], images: 0, failed: 0, error: stderr.slice('error: '.length, -1) })
  })

  it('that a server does not send: the error names the way out', () => {
    const error = new NetworkError('huggingface.co: fetch failed', 'https://huggingface.co/x')
    expect(asWeightsFailure(error, { model: 'mambaout_femto' })).toMatchObject({
      message: 'huggingface.co: fetch failed; check the connection, or give a file that you have with --weights',
      exitCode: exitCodes.failed,
    })
  })
})

describe('the command line', () => {
  it.each([
    [['predict', 'x.png', '--model', 'mambaout_fento'], /mambaout_femto/],
    [['predict', 'x.png', '--topk', '0'], /whole number from 1/],
    [['predict', 'x.png', '--batch', '1.5'], /whole number from 1 to 1024/],
    [['predict', 'x.png', '--threads', '1e1'], /whole number from 1 to 256/],
    [['predict', 'x.png', '--size', '-4'], /whole number/],
    [['predict', 'x.png', '--device', 'toString'], /auto, cpu, wasm, reference/],
    [['predict', 'x.png', '--device', 'reference', '--threads', '2'], /reference device has one thread/],
    [['predict', 'x.png', '--weights', 'not-a-file-or-id'], /no such file/],
    [['predict', 'x.png', '--colour'], /unknown option/],
    [['predict'], /missing required argument/],
    [['pedict'], /Did you mean predict/],
  ])('%j: status 2', async (argv, message) => {
    const { status, stdout, stderr } = await run(argv)
    expect([status, stdout]).toEqual([exitCodes.usage, ''])
    expect(stderr).toMatch(/^error: /)
    expect(stderr).toMatch(message)
  })

  it('documents options and exit statuses', async () => {
    const { status, stdout } = await run(['predict', '--help'])
    expect(status).toBe(exitCodes.ok)
    for (const text of ['--weights', '--topk', '--offline', 'Exit status:', '130']) expect(stdout).toContain(text)
  })

  it('stops between images when interrupted, and closes its document', async () => {
    const { put, options } = await workplace()
    const interrupt = new AbortController()
    const site = await serve((_, response) => {
      interrupt.abort()
      response.end(png(1))
    })
    const { status, stdout, stderr } = await run(
      ['predict', put('one.png'), `${site}/x.png`, put('two.png'), ...options, '--json'],
      {
        signal: interrupt.signal,
      },
    )
    expect([status, stderr]).toEqual([exitCodes.interrupted, ''])
    expect(json(stdout)['error']).toBe('interrupted')
    expect(json(stdout).results.length).toBeLessThan(3)
  })
})

describe('models', () => {
  it('lists names, figures, licences and sources', async () => {
    const { status, stdout } = await run(['models', '*femto*'])
    expect(status).toBe(exitCodes.ok)
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^model +params +GMACs +size +top-1 +classes +licence +weights$/)
    expect(rows.find((row) => row.startsWith('mambaout_femto.in1k '))).toMatch(
      /^mambaout_femto\.in1k +7\.3 M +1\.91 +288 +79\.91 % +1000 +Apache-2\.0 +timm\/mambaout_femto\.in1k$/,
    )
    expect(rows.every((row) => row.includes('femto'))).toBe(true)
  })

  it('gives whole configurations as JSON', async () => {
    const { stdout } = await run(['models', '--json'])
    const found = JSON.parse(stdout) as { name: string; inputSize: number[] }[]
    expect(found.find(({ name }) => name === 'mambaout_base.in1k')?.inputSize).toEqual([3, 224, 224])
  })

  it('says when nothing matches', async () => {
    expect(await run(['models', 'resnet*'])).toEqual({
      status: exitCodes.failed,
      stdout: '',
      stderr: expect.stringMatching(/^error: no model matches "resnet\*"/),
    })
    expect(await run(['models', 'resnet*', '--json'])).toMatchObject({ status: exitCodes.ok, stdout: '[]\n' })
  })
})

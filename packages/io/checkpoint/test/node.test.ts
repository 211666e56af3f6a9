import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blobSource, CheckpointError, openCheckpoint, tensorData, toFloat32 } from '../src/index.js'
import { openCheckpointFile, openFile, savePytorch, saveSafetensors } from '../src/node.js'
import { bytesOf, FIXTURES, readEverything, sourceOf } from './fixtures.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))
})
afterEach(() => rm(folder, { recursive: true }))

const one = (value: number) => tensorData('f32', [1], Float32Array.of(value))

describe('sources', () => {
  it.each(['views.pt', 'legacy_views.pt', 'st_dtypes.safetensors'])(
    '%s reads alike from memory, a Blob, a Node Buffer and a file',
    async (file) => {
      const expected = await readEverything(await openCheckpoint(sourceOf(file)))
      const blob = blobSource(new Blob([bytesOf(file) as Uint8Array<ArrayBuffer>]))
      const buffer = await readFile(FIXTURES + file)
      const sloppy = {
        size: buffer.length,
        read: async (offset: number, length: number) => buffer.subarray(offset, offset + length),
      }
      for (const source of [blob, sloppy, await openFile(FIXTURES + file)]) {
        const checkpoint = await openCheckpoint(source)
        const found = await readEverything(checkpoint)
        expect([...found].map(([name, bytes]) => [name, new Uint8Array(bytes)])).toEqual([...expected])
        await checkpoint.close()
      }
    },
  )

  it('says which file cannot be read', async () => {
    await expect(openCheckpointFile(join(folder, 'none.pt'))).rejects.toMatchObject({
      code: 'FileAccess',
      message: expect.stringContaining('none.pt'),
    })
    await expect(openCheckpointFile(folder)).rejects.toMatchObject({ code: 'FileAccess' })
    const path = join(folder, 'a.safetensors')
    await saveSafetensors(path, [['a', one(1)]])
    const checkpoint = await openCheckpointFile(path)
    await checkpoint.close()
    await expect(checkpoint.tensors.get('a')?.read()).rejects.toMatchObject({ code: 'FileAccess' })
  })

  it('closes a file that is no checkpoint', async () => {
    const source = await openFile(`${FIXTURES}text.pth`)
    await expect(openCheckpoint(source)).rejects.toBeInstanceOf(CheckpointError)
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'EBADF' })
  })

  it('lists a file of 9 GiB at once and reads its last tensor', async () => {
    const path = join(folder, 'large.safetensors')
    const size = 9 * 2 ** 30
    const header = `{"a":{"dtype":"U8","shape":[${size}],"data_offsets":[0,${size}]},"b":{"dtype":"F32","shape":[1],"data_offsets":[${size},${size + 4}]}}`
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(BigInt(header.length))
    const file = await open(path, 'w')
    await file.write(Buffer.concat([prefix, Buffer.from(header)]))
    await file.write(Buffer.from(Float32Array.of(7).buffer), 0, 4, 8 + header.length + size)
    await file.close()
    const before = process.memoryUsage().rss
    const checkpoint = await openCheckpointFile(path)
    expect(checkpoint.tensors.get('a')?.byteLength).toBe(size)
    expect(toFloat32((await checkpoint.tensors.get('b')?.read()) as Uint8Array, 'f32')).toEqual(Float32Array.of(7))
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20)
    const failing = { ...(await openFile(path)), read: () => Promise.reject(new Error('the disk is gone')) }
    await expect(openCheckpoint(failing)).rejects.toMatchObject({
      code: 'FileAccess',
      message: expect.stringContaining('the disk is gone'),
    })
    await checkpoint.close()
  })
})

describe('saving', () => {
  it('replaces a file in one step, and leaves nothing beside it', async () => {
    const path = join(folder, 'w.safetensors')
    await saveSafetensors(path, [['a', one(1)]])
    await saveSafetensors(path, [['a', one(2)]], { format: 'pt', epoch: '2' })
    const checkpoint = await openCheckpointFile(path)
    expect([...checkpoint.metadata]).toEqual([
      ['format', 'pt'],
      ['epoch', '2'],
    ])
    expect([...toFloat32((await checkpoint.tensors.get('a')?.read()) as Uint8Array, 'f32')]).toEqual([2])
    await checkpoint.close()
    await savePytorch(join(folder, 'w.pt'), { state_dict: { a: one(3) } })
    expect((await readdir(folder)).sort()).toEqual(['w.pt', 'w.safetensors'])
  })

  it.each(['safetensors', 'pytorch'] as const)('%s: keeps the old file when a tensor fails half-way', async (format) => {
    const path = join(folder, 'w')
    await writeFile(path, 'old')
    const broken = { dtype: 'f32', shape: [4], read: () => Promise.reject(new Error('device lost')) } as const
    const save =
      format === 'pytorch'
        ? savePytorch(path, { a: one(1), b: broken })
        : saveSafetensors(path, [
            ['a', one(1)],
            ['b', broken],
          ])
    await expect(save).rejects.toThrow(/device lost.*unchanged/)
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['w'])
  })

  it('says where it could not write', async () => {
    const path = join(folder, 'missing', 'w.pt')
    await expect(savePytorch(path, {})).rejects.toMatchObject({ code: 'FileAccess', message: expect.stringContaining(path) })
  })
})

describe('weights in several files', () => {
  const index = async (map: unknown) => {
    const path = join(folder, 'model.safetensors.index.json')
    await writeFile(path, typeof map === 'string' ? map : JSON.stringify({ metadata: { total_size: 8 }, weight_map: map }))
    return path
  }
  beforeEach(async () => {
    await saveSafetensors(join(folder, 'one.safetensors'), [
      ['a', one(1)],
      ['__proto__', one(3)],
    ])
    await saveSafetensors(join(folder, 'two.safetensors'), [['b', one(2)]])
  })

  it('are opened as one', async () => {
    const path = await index('{"weight_map":{"a":"one.safetensors","b":"two.safetensors","__proto__":"one.safetensors"}}')
    const checkpoint = await openCheckpointFile(path)
    const all = await readEverything(checkpoint)
    expect([...all].map(([name, bytes]) => [name, ...toFloat32(bytes, 'f32')])).toEqual([
      ['a', 1],
      ['b', 2],
      ['__proto__', 3],
    ])
    await checkpoint.close()
    await expect(checkpoint.tensors.get('b')?.read()).rejects.toThrow()
  })

  it.each(['../one.safetensors', '/etc/passwd', 'sub/one.safetensors', '..\\one', 'C:one', '..', '.', '', 'a\u0000b'])(
    'the file name %j is refused',
    async (name) => {
      await expect(openCheckpointFile(await index({ a: name }))).rejects.toMatchObject({ code: 'InvalidIndex' })
    },
  )

  it.each<[string, unknown]>([
    ['no weight_map', '{}'],
    ['no JSON', 'nothing'],
    ['a tensor twice', '{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}'],
    ['a tensor that its file lacks', { b: 'one.safetensors' }],
    ['a file name that is no text', '{"weight_map":{"a":1}}'],
  ])('an index with %s is refused', async (_, map) => {
    await expect(openCheckpointFile(await index(map))).rejects.toMatchObject({ code: 'InvalidIndex' })
  })

  it('a missing file is named', async () => {
    await expect(openCheckpointFile(await index({ a: 'three.safetensors' }))).rejects.toThrow(/three\.safetensors/)
  })
})

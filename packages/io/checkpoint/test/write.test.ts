import { describe, expect, it } from 'vitest'
import {
  bytesSource,
  CheckpointError,
  OrderedDict,
  openCheckpoint,
  PyDict,
  PyTuple,
  type PyWritable,
  stateDict,
  tensorData,
  writePytorch,
} from '../src/index.js'
import { readZip } from '../src/zip/read.js'
import { pickleBytes } from './archive.js'
import { collect, readEverything, sourceOf } from './fixtures.js'

const weights = tensorData('f32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))
const pickleOf = async (value: PyWritable) => {
  const entry = (await readZip(bytesSource(await collect(writePytorch(value))))).get('archive/data.pkl')
  return entry?.read(0, entry.size)
}
const roundTrip = async (value: PyWritable) => openCheckpoint(bytesSource(await collect(writePytorch(value))))

describe('PyTorch checkpoints', () => {
  it('have the pickle of the format, opcode by opcode', async () => {
    const orderedDict = 'ccollections\nOrderedDict\n)R'
    const text = (value: string) => pickleBytes('X', [value.length, 0, 0, 0], value)
    expect(await pickleOf(new OrderedDict([['w', weights]]))).toEqual(
      pickleBytes(
        [0x80, 2],
        orderedDict,
        '(',
        text('w'),
        'ctorch._utils\n_rebuild_tensor_v2\n',
        '((',
        text('storage'),
        'ctorch\nFloatStorage\n',
        text('0'),
        text('cpu'),
        'K\x06tQ',
        'K\x00',
        'K\x02K\x03\x86',
        'K\x03K\x01\x86',
        '\x89',
        orderedDict,
        'tR',
        'u.',
      ),
    )
  })

  it('write plain values as Python has them', async () => {
    const bytes = await pickleOf([255, 256, -1, 2 ** 31, -(2n ** 63n), 0.5, -0, true, null, [], {}, new PyTuple([]), 'é'])
    expect(bytes).toEqual(
      pickleBytes(
        [0x80, 2],
        '](',
        'K\xff',
        'M\x00\x01',
        'J\xff\xff\xff\xff',
        '\x8a\x05\x00\x00\x00\x80\x00',
        '\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80',
        'G?\xe0\0\0\0\0\0\0',
        'G\x80\0\0\0\0\0\0\0',
        '\x88N]})',
        'X\x02\0\0\0\xc3\xa9',
        'e.',
      ),
    )
  })

  it('have the archive of the format', async () => {
    const entries = await readZip(bytesSource(await collect(writePytorch(new Map([['w', weights]])))))
    expect([...entries.keys()]).toEqual(['archive/data.pkl', 'archive/byteorder', 'archive/data/0', 'archive/version'])
    const text = async (name: string) => new TextDecoder().decode(await entries.get(name)?.read(0, entries.get(name)?.size ?? 0))
    expect([await text('archive/byteorder'), await text('archive/version')]).toEqual(['little', '3\n'])
  })

  it('read back as they were', async () => {
    const checkpoint = {
      epoch: 3,
      arch: 'mambaout_femto',
      version: 2,
      metric: 78.9,
      args: {
        lr: 0.004,
        betas: new PyTuple([0.9, 0.999]),
        decay: null,
        amp: false,
        sizes: [1, 2n ** 80n],
        '__proto__\u0000': 'x',
      },
      state_dict: new Map([['module.w', weights]]),
      state_dict_ema: new Map([['w', tensorData('i64', [], BigInt64Array.of(-5n))]]),
      optimizer: { state: new Map([[0, { step: 1, exp_avg: weights }]]), param_groups: [{ params: [0] }] },
    }
    const read = await roundTrip(checkpoint)
    const object = read.object as PyDict
    expect([...object.keys()]).toEqual(Object.keys(checkpoint))
    expect(object.get('args')).toEqual(
      new PyDict('dict', [
        ['lr', 0.004],
        ['betas', new PyTuple([0.9, 0.999])],
        ['decay', null],
        ['amp', false],
        ['sizes', [1, 2n ** 80n]],
        ['__proto__\u0000', 'x'],
      ]),
    )
    expect(await stateDict(read).get('w')?.read()).toEqual(await weights.read())
    expect(await stateDict(read, { ema: true }).get('w')?.read()).toEqual(new Uint8Array(BigInt64Array.of(-5n).buffer))
    // One tensor in two places is one storage.
    expect([...read.tensors.keys()]).toEqual(['state_dict.module.w', 'state_dict_ema.w', 'optimizer.state.0.exp_avg'])
    const blocks = [...(await readZip(bytesSource(await collect(writePytorch(checkpoint))))).keys()].filter((name) =>
      name.includes('/data/'),
    )
    expect(blocks.length).toBe(2)
  })

  it('every element type that PyTorch stores', async () => {
    const source = await openCheckpoint(sourceOf('dtypes.pt'))
    const copy = await roundTrip(new Map([...source.tensors]))
    expect(await readEverything(copy)).toEqual(await readEverything(source))
    expect([...copy.tensors.values()].map((t) => [t.dtype, t.shape])).toEqual(
      [...source.tensors.values()].map((t) => [t.dtype, t.shape]),
    )
  })

  const circular: PyWritable[] = []
  circular.push(circular)
  it.each<[string, string, unknown]>([
    ['InvalidTensor', 'a type without storage class', tensorData('u16', [1], Uint16Array.of(1))],
    ['InvalidTensor', 'too few bytes', tensorData('f32', [2], Float32Array.of(1))],
    ['InvalidTensor', 'a negative dimension', tensorData('f32', [-1], Float32Array.of(1))],
    ['InvalidValue', 'a circular list', circular],
    ['InvalidValue', 'a function', () => 1],
    ['InvalidValue', 'undefined', undefined],
    ['InvalidValue', 'an object of a class', new Date()],
    ['InvalidValue', 'a fractional key', new Map([[0.5, 1]])],
  ])('%s: %s', async (code, _, value) => {
    const written = collect(writePytorch({ state_dict: { w: value as PyWritable } }))
    await expect(written).rejects.toBeInstanceOf(CheckpointError)
    await expect(written).rejects.toMatchObject({ code, message: expect.stringMatching(/state_dict > w|storage 0/) })
  })
})

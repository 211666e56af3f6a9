import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesSource, CheckpointError, openCheckpoint, type PytorchOptions } from '../src/index.js'
import { int, NO_HOOKS, pickleBytes, storage, tensor, text, tuple, zipOf } from './archive.js'
import { bytesOf, CASES, readEverything } from './fixtures.js'

/** Positions tried in each file; all of them where FUZZ_ALL is set. */
const POSITIONS = process.env['FUZZ_ALL'] ? Number.POSITIVE_INFINITY : 80

/** Decodes or refuses; anything else that happens is returned. */
async function accident(bytes: Uint8Array, options?: PytorchOptions): Promise<unknown> {
  try {
    await readEverything(await openCheckpoint(bytesSource(bytes), options))
  } catch (error) {
    if (!(error instanceof CheckpointError)) return error
  }
  return undefined
}

describe('a file with one wrong byte, or cut off, decodes or is refused', () => {
  it.each(CASES.filter((c) => c.expect === 'decode'))('$file', async ({ file }) => {
    const bytes = bytesOf(file)
    const step = Math.max(1, bytes.length / POSITIONS)
    for (let p = 0; p < bytes.length; p += step) {
      const at = Math.floor(p)
      const original = bytes[at] as number
      for (const value of [original ^ 1, original ^ 0x80, 0xff, (original * 7 + at) & 0xff]) {
        bytes[at] = value
        expect(await accident(bytes), `byte ${at} set to ${value}`).toBeUndefined()
      }
      bytes[at] = original
      expect(await accident(bytes.slice(0, at)), `cut off at ${at}`).toBeUndefined()
    }
  })
})

describe('any mixture of opcodes decodes or is refused', () => {
  const parts = [
    ...'(.012BCGJKMNQRX]abcdehjlqrstu})'.split('').map((op) => pickleBytes(op)),
    ...[0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8f, 0x90, 0x91, 0x93, 0x94, 0x95].map((op) =>
      pickleBytes(op),
    ),
    ...[
      'collections OrderedDict',
      'collections defaultdict',
      'builtins dict',
      'builtins list',
      'builtins set',
      'builtins frozenset',
      'builtins slice',
      'builtins int',
      'builtins bytearray',
      'builtins complex',
      '_codecs encode',
      'torch Size',
      'torch device',
      'torch float32',
      'torch Tensor',
      'torch FloatStorage',
      'argparse Namespace',
      'numpy dtype',
      'torch._utils _rebuild_tensor',
      'torch._utils _rebuild_tensor_v2',
      'torch._utils _rebuild_tensor_v3',
      'torch._utils _rebuild_parameter',
      'torch._utils _rebuild_parameter_with_state',
      'torch._tensor _rebuild_from_type_v2',
    ].map((name) => pickleBytes('c', name.replace(' ', '\n'), '\n')),
    text('a'),
    text('latin1'),
    int(-1),
    int(3),
    tuple(int(2)),
    pickleBytes('K\x00'),
    pickleBytes('q\x00'),
    pickleBytes('h\x00'),
    pickleBytes(')R'),
    pickleBytes('}b'),
    NO_HOOKS,
    storage('FloatStorage', '0', 4),
    tensor(storage('FloatStorage', '0', 4), 0, [4], [1]),
  ]
  it.each(['refuse', 'opaque'] as const)('unknown classes: %s', async (unknownClasses) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...parts), { maxLength: 40 }), async (opcodes) => {
        const archive = zipOf({ 'a/data.pkl': pickleBytes(0x80, 2, ...opcodes, '.'), 'a/data/0': new Uint8Array(16) })
        expect(await accident(archive, { unknownClasses })).toBeUndefined()
      }),
      { numRuns: 1000 },
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CheckpointError,
  PyDict,
  type PyOpaque,
  PyRecord,
  PySet,
  type PyTensor,
  PyTuple,
  type PyValue,
  toTypedArray,
} from '../src/index.js'
import { int, NO_HOOKS, openPickle, pickleBytes, storage, tensor, text, tuple } from './archive.js'

const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)
const decode = async (...parts: Parameters<typeof pickleBytes>): Promise<PyValue> =>
  (await openPickle(pickleBytes(0x80, 2, ...parts, '.'))).object as PyValue
const codeOf = (...parts: Parameters<typeof pickleBytes>) =>
  decode(...parts).then(String, (e: unknown) => (e instanceof CheckpointError ? e.code : e))

describe('opcodes beyond those of real files', () => {
  it('reads them all', async () => {
    expect(await decode(']1'.replace('1', ''), 'K', 1, 'a')).toEqual([1])
    expect(await decode('(K', 1, 'K', 2, 'l')).toEqual([1, 2])
    expect(await decode('(', text('a'), 'K', 2, 'd')).toEqual(new PyDict('dict', [['a', 2]]))
    expect(await decode('K', 7, 'N0')).toBe(7)
    expect(await decode('K', 7, '(NN1')).toBe(7)
    expect(await decode('](K', 1, '20e')).toEqual([1])
    expect(await decode(0x8c, 2, 'hi')).toBe('hi')
    expect(await decode(0x8d, 2, [0, 0, 0, 0, 0, 0, 0], 'hi')).toBe('hi')
    expect(await decode('C', 2, [1, 255])).toEqual(Uint8Array.of(1, 255))
    expect(await decode('B', [2, 0, 0, 0], [1, 255])).toEqual(Uint8Array.of(1, 255))
    expect(await decode(0x8e, [2, 0, 0, 0, 0, 0, 0, 0], [1, 255])).toEqual(Uint8Array.of(1, 255))
    expect(await decode(0x8b, [3, 0, 0, 0], [0, 0, 0x80])).toBe(-8388608)
    expect(await decode(0x8a, 0)).toBe(0)
    expect(await decode(0x8f, '(K', 1, 'K', 2, 0x90)).toEqual(new PySet(false, [1, 2]))
    expect(await decode('(K', 1, 0x91)).toEqual(new PySet(true, [1]))
    expect(await decode(0x95, [2, 0, 0, 0, 0, 0, 0, 0], 'N')).toBe(null)
    expect(await decode(']', 0x94, '0h', 0)).toEqual([])
    expect(await decode(text('collections'), text('OrderedDict'), 0x93, ')R')).toEqual(new PyDict('OrderedDict'))
    expect(await decode(text('builtins'), text('complex'), 0x93, 'G?\xf0\0\0\0\0\0\0K', 2, 0x86, 'R')).toMatchObject({
      re: 1,
      im: 2,
    })
    expect(await decode('c__builtin__\nbytes\n)R')).toEqual(new Uint8Array(0))
    expect(await decode('ccollections\nOrderedDict\n]]K', 1, 'aK', 2, 'aa', 0x85, 'R')).toEqual(
      new PyDict('OrderedDict', [[1, 2]]),
    )
    expect(await decode('ctypes\nSimpleNamespace\n)R}', text('a'), 'K', 1, 'sb')).toMatchObject({ fields: new Map([['a', 1]]) })
  })

  it('keeps halves of surrogate pairs, as Python does', async () => {
    expect(await decode('X', [5, 0, 0, 0], 'a', [0xed, 0xb2, 0x80], 'b')).toBe('a\udc80b')
    expect(await codeOf('X', [2, 0, 0, 0], [0xed, 0xb2])).toBe('InvalidPickle')
  })

  it('treats names of Object.prototype as names', async () => {
    const dict = (await decode('}', text('__proto__'), 'K', 1, 's', text('constructor'), 'K', 2, 's')) as PyDict
    expect([...dict]).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ])
    const record = (await decode('cargparse\nNamespace\n)', 0x81, '}', text('__proto__'), 'K', 1, 'sb')) as PyRecord
    expect([...record.fields]).toEqual([['__proto__', 1]])
    expect(Object.getPrototypeOf(record)).toBe(PyRecord.prototype)
  })
})

describe('what no checkpoint does', () => {
  it.each<[string, string, Parameters<typeof pickleBytes>]>([
    ['a mark never closed, then STOP', 'InvalidPickle', ['(']],
    ['APPENDS without a mark', 'InvalidPickle', [']e']],
    ['taking what lies below a mark', 'InvalidPickle', ['NN(', 0x86]],
    ['items for a list', 'InvalidPickle', [']K', 1, 'K', 2, 's']],
    ['a key without a value', 'InvalidPickle', ['}(K', 1, 'u']],
    ['a list as a key', 'InvalidPickle', ['}]Ns']],
    ['members for a frozenset', 'InvalidPickle', ['(', 0x91, '(N', 0x90]],
    ['appending to a tuple', 'InvalidPickle', [')Na']],
    ['REDUCE of a string', 'InvalidPickle', [text('os'), ')R']],
    ['REDUCE with a list of arguments', 'InvalidPickle', ['ccollections\nOrderedDict\n]R']],
    ['NEWOBJ of a constructor', 'ForbiddenGlobal', ['ccollections\nOrderedDict\n)', 0x81]],
    ['REDUCE of a storage class', 'ForbiddenGlobal', ['ctorch\nFloatStorage\n)R']],
    ['REDUCE of torch.Tensor', 'ForbiddenGlobal', ['ctorch\nTensor\n)R']],
    ['NEWOBJ of an opaque class', 'ForbiddenGlobal', ['cnumpy\ndtype\n)', 0x81]],
    ['BUILD on a dict', 'ForbiddenGlobal', ['}}b']],
    ['BUILD on a list', 'ForbiddenGlobal', [']}b']],
    ['BUILD with a state that is no dict', 'InvalidPickle', ['cargparse\nNamespace\n)R]b']],
    ['a record with arguments', 'InvalidPickle', ['cargparse\nNamespace\nN', 0x85, 'R']],
    ['encode to another encoding', 'InvalidPickle', ['c_codecs\nencode\n', text('a'), text('rot13'), 0x86, 'R']],
    ['encode of other characters', 'InvalidPickle', ['c_codecs\nencode\n', text('中'), text('latin1'), 0x86, 'R']],
    ['codecs.encode', 'ForbiddenGlobal', ['ccodecs\nencode\n']],
    ['_codecs.decode', 'ForbiddenGlobal', ['c_codecs\ndecode\n']],
    ['a space that moves from name to module', 'ForbiddenGlobal', ['ctorch._utils _rebuild\ntensor_v2\n']],
    ['a sparse tensor', 'ForbiddenGlobal', ['ctorch._utils\n_rebuild_sparse_tensor\n']],
    ['a quantised tensor', 'ForbiddenGlobal', ['ctorch._utils\n_rebuild_qtensor\n']],
    ['EXT1', 'ForbiddenOpcode', [0x82, 1]],
    ['PERSID', 'ForbiddenOpcode', ['Pa\n']],
    ['BYTEARRAY8', 'ForbiddenOpcode', [0x96, [0, 0, 0, 0, 0, 0, 0, 0]]],
    ['protocol-0 INT', 'ForbiddenOpcode', ['I1\n']],
    ['a frame past the end', 'Truncated', [0x95, [9, 0, 0, 0, 0, 0, 0, 0], 'N']],
    ['a string of 2^63 bytes', 'Truncated', [0x8d, [0, 0, 0, 0, 0, 0, 0, 0x80], 'N']],
    ['an integer of a megabyte', 'LimitExceeded', [0x8b, [0, 0, 16, 0]]],
    ['a name without end', 'InvalidPickle', ['c', 'x'.repeat(1000)]],
  ])('%s: %s', async (_, code, parts) => {
    expect(await codeOf(...parts)).toBe(code)
  })
})

describe('tensors', () => {
  const store = { '0': f32(0, 1, 2, 3, 4, 5) }
  const open = (...parts: Parameters<typeof pickleBytes>) => openPickle(pickleBytes(0x80, 2, ...parts, '.'), store)
  const code = (...parts: Parameters<typeof pickleBytes>) =>
    open(...parts).then(
      () => 'ok',
      (e: CheckpointError) => e.code,
    )
  const six = storage('FloatStorage', '0', 6)
  const rebuild = (name: string, ...args: Uint8Array[]) => pickleBytes(`ctorch._utils\n${name}\n`, tuple(...args), 'R')
  const untyped = pickleBytes(
    tuple(text('storage'), pickleBytes('ctorch.storage\nUntypedStorage\n'), text('0'), text('cpu'), int(24)),
    'Q',
  )
  const flag = pickleBytes(0x89)

  it.each<[string, string, Uint8Array]>([
    [
      'hooks',
      'UnsupportedTensor',
      rebuild('_rebuild_tensor_v2', six, int(0), tuple(int(6)), tuple(int(1)), flag, pickleBytes(NO_HOOKS, 'K', 1, 'Ns')),
    ],
    ['conjugate views', 'UnsupportedTensor', tensor(six, 0, [6], [1], pickleBytes('}', text('conj'), 0x88, 's'))],
    ['negative views', 'UnsupportedTensor', tensor(six, 0, [6], [1], pickleBytes('}', text('neg'), 0x88, 's'))],
    ['a 65th dimension', 'InvalidView', tensor(six, 0, new Array(65).fill(1), new Array(65).fill(1))],
    ['an offset past an empty view', 'ok', tensor(six, 99, [0], [1])],
    ['an empty view of any stride', 'ok', tensor(six, 0, [0, 2 ** 30, 2 ** 30], [2 ** 30, 1, 1])],
    [
      'version 3 of a typed storage',
      'InvalidStorage',
      rebuild('_rebuild_tensor_v3', six, int(0), tuple(int(6)), tuple(int(1)), flag, NO_HOOKS, pickleBytes('ctorch\nfloat32\n')),
    ],
    ['version 2 of an untyped storage', 'InvalidStorage', tensor(untyped, 0, [6], [1])],
    [
      'a quantised element type',
      'UnsupportedDtype',
      rebuild(
        '_rebuild_tensor_v3',
        untyped,
        int(0),
        tuple(int(6)),
        tuple(int(1)),
        flag,
        NO_HOOKS,
        pickleBytes('ctorch\nqint8\n'),
      ),
    ],
    ['a storage with two element types', 'InvalidStorage', pickleBytes(six, storage('IntStorage', '0', 6), 0x86)],
    [
      'a subclass',
      'UnsupportedTensor',
      pickleBytes(
        'ctorch._tensor\n_rebuild_from_type_v2\n',
        tuple(
          pickleBytes('ctorch._utils\n_rebuild_tensor\n'),
          pickleBytes('cargparse\nNamespace\n'),
          pickleBytes(')'),
          pickleBytes('}'),
        ),
        'R',
      ),
    ],
    [
      'a rebuild within a rebuild',
      'InvalidPickle',
      pickleBytes(
        'ctorch._tensor\n_rebuild_from_type_v2\n',
        tuple(
          pickleBytes('ctorch._tensor\n_rebuild_from_type_v2\n'),
          pickleBytes('ctorch\nTensor\n'),
          pickleBytes(')'),
          pickleBytes('}'),
        ),
        'R',
      ),
    ],
    [
      'an id of six items',
      'InvalidStorage',
      pickleBytes(
        tuple(text('storage'), pickleBytes('ctorch\nFloatStorage\n'), text('0'), text('cpu'), int(6), pickleBytes('N')),
        'Q',
      ),
    ],
    ['the id of a module', 'InvalidStorage', pickleBytes(tuple(text('module'), pickleBytes('N')), 'Q')],
  ])('%s: %s', async (_, expected, opcodes) => {
    expect(await code(opcodes)).toBe(expected)
  })

  it('reads elements of version 3 at an offset in elements', async () => {
    const { tensors } = await open(
      '}',
      text('w'),
      rebuild(
        '_rebuild_tensor_v3',
        untyped,
        int(2),
        tuple(int(2)),
        tuple(int(3)),
        flag,
        NO_HOOKS,
        pickleBytes('ctorch\nfloat32\n'),
      ),
      's',
    )
    expect([...toTypedArray((await tensors.get('w')?.read()) as Uint8Array, 'f32')]).toEqual([2, 5])
  })

  it('gathers any view as indexing would', async () => {
    const dim = fc.record({ size: fc.integer({ min: 1, max: 4 }), stride: fc.nat(9) })
    const type = fc.constantFrom(
      ['ByteStorage', 1],
      ['HalfStorage', 2],
      ['FloatStorage', 4],
      ['LongStorage', 8],
      ['ComplexDoubleStorage', 16],
    )
    await fc.assert(
      fc.asyncProperty(fc.array(dim, { maxLength: 4 }), fc.nat(5), type, async (dims, offset, [name, width]) => {
        const elements = offset + dims.reduce((sum, d) => sum + (d.size - 1) * d.stride, 1)
        const bytes = Uint8Array.from({ length: elements * (width as number) }, (_, i) => (i * 31) % 251)
        const opcodes = tensor(
          storage(name as string, 'k', elements),
          offset,
          dims.map((d) => d.size),
          dims.map((d) => d.stride),
        )
        const { object } = await openPickle(pickleBytes(0x80, 2, opcodes, '.'), { k: bytes })
        const expected = dims.reduce<number[]>(
          (at, d) => at.flatMap((a) => Array.from({ length: d.size }, (_, i) => a + i * d.stride)),
          [offset],
        )
        expect([...(await (object as PyTensor).read())]).toEqual(
          expected.flatMap((e) => [...bytes.subarray(e * (width as number), (e + 1) * (width as number))]),
        )
      }),
    )
  })
})

describe('unknown classes', () => {
  const unknown = pickleBytes(
    0x80,
    2,
    '}',
    text('args'),
    'cmy.project\nConfig\n)',
    0x81,
    '}',
    text('lr'),
    'K',
    1,
    'sb',
    text('k'),
    'K',
    2,
    's',
    's.',
  )

  it('fail the file, and are opaque on request', async () => {
    await expect(openPickle(unknown)).rejects.toThrow(/my\.project\.Config.*unknownClasses/)
    const { object } = await openPickle(unknown, {}, { unknownClasses: 'opaque' })
    const args = (object as PyDict).get('args') as PyOpaque
    expect([args.className, args.parts]).toEqual(['my.project.Config', [new PyDict('dict', [['lr', 1]]), 'k', 2]])
  })

  it.each([
    'os system',
    'posix system',
    'nt system',
    'sys exit',
    'subprocess Popen',
    'builtins eval',
    '__builtin__ exec',
    'builtins getattr',
    'builtins __import__',
    'builtins open',
    'builtins compile',
    'importlib import_module',
    'runpy run_path',
    'pty spawn',
    'shutil rmtree',
    'socket socket',
    'ctypes CDLL',
    'operator attrgetter',
    'functools partial',
    'codecs decode',
    '_codecs lookup',
    'pickle loads',
    'torch load',
    'torch.hub load',
    'torch.serialization load',
    'torch._utils _import_dotted_name',
    'torch.jit._script unpackage_script_module',
    'os.path join',
    'a.b c.d',
    'a..b c',
  ])('%s fails even then', async (name) => {
    const [module, ...rest] = name.split(' ')
    const pickle = pickleBytes(0x80, 4, text(module as string), text(rest.join(' ')), 0x93, '.')
    await expect(openPickle(pickle, {}, { unknownClasses: 'opaque' })).rejects.toMatchObject({ code: 'ForbiddenGlobal' })
  })
})

describe('small files that would grow', () => {
  const grown = (...parts: Parameters<typeof pickleBytes>) => codeOf(...parts)

  it('stop at a limit', async () => {
    const long = pickleBytes('](', 'N'.repeat(100_000), 'e', 'q', 0, '0')
    expect(await grown(long, 'c__builtin__\nlist\nq', 1, '0', pickleBytes('h\x01h\x00\x85R0'.repeat(100)), 'N')).toBe(
      'LimitExceeded',
    )
    const chars = pickleBytes('X', [0, 0, 16, 0], 'x'.repeat(1 << 20), 'q', 0, '0')
    expect(
      await grown(
        chars,
        'c_codecs\nencode\nq',
        1,
        '0',
        text('latin1'),
        'q',
        2,
        '0',
        pickleBytes('h\x01h\x00h\x02\x86R0'.repeat(100)),
        'N',
      ),
    ).toBe('LimitExceeded')
    expect(await grown(']'.repeat(1_100_000))).toBe('LimitExceeded')
  })

  it('names of tensors under a long key do not add up', async () => {
    const one = tensor(storage('FloatStorage', '0', 1), 0, [1], [1])
    const under = (length: number, count: number) =>
      openPickle(pickleBytes(0x80, 2, '}', text('k'.repeat(length)), '](', one, 'q', 7, 'h\x07'.repeat(count), 'es.'), {
        '0': f32(1),
      })
    expect((await under(15_000, 100)).tensors.size).toBe(101)
    await expect(under(15_000, 5000)).rejects.toThrow(/names of the tensors/)
    await expect(under(17_000, 1)).rejects.toMatchObject({ code: 'LimitExceeded' })
  })

  it('a list that holds itself is listed once', async () => {
    const { tensors, object } = await openPickle(pickleBytes(0x80, 2, ']q', 0, 'h', 0, 'a.'))
    expect([tensors.size, (object as PyValue[])[0] === object]).toEqual([0, true])
  })

  it('tuples keep their kind', async () => {
    expect(await decode(tuple(int(1), int(-2)))).toEqual(new PyTuple([1, -2]))
  })
})

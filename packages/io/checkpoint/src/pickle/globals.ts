import type { DType } from '../dtype.js'
import { CheckpointError, quote } from '../errors.js'
import { PyGlobal, type PyValue, TorchDtype } from './values.js'

/** How a listed name may be used. Whatever it is, it only stands for data that the reader builds itself. */
type Role =
  /** REDUCE builds the value (constructors.ts, rebuild.ts). */
  | 'constructor'
  /** REDUCE or NEWOBJ makes an empty PyRecord. */
  | 'record'
  /** REDUCE makes a PyOpaque. */
  | 'opaque'
  /** A name that occurs as a value only. */
  | 'value'

const STORAGES = new Map<string, DType | undefined>([
  ['torch DoubleStorage', 'f64'],
  ['torch FloatStorage', 'f32'],
  ['torch HalfStorage', 'f16'],
  ['torch BFloat16Storage', 'bf16'],
  ['torch LongStorage', 'i64'],
  ['torch IntStorage', 'i32'],
  ['torch ShortStorage', 'i16'],
  ['torch CharStorage', 'i8'],
  ['torch ByteStorage', 'u8'],
  ['torch BoolStorage', 'bool'],
  ['torch ComplexFloatStorage', 'c64'],
  ['torch ComplexDoubleStorage', 'c128'],
  ['torch.storage UntypedStorage', undefined],
])

/** The storage class of a typed storage, as PyTorch names it. Newer element types have none. */
export const storageClassOf = (dtype: DType): string | undefined =>
  [...STORAGES].find(([, t]) => t === dtype)?.[0].slice('torch '.length)

/** Element type behind a storage class, `undefined` where it is counted in bytes; `null` if `value` is no storage class. */
export function storageType(value: PyValue): DType | undefined | null {
  const key = value instanceof PyGlobal ? value.toString() : ''
  return STORAGES.has(key) ? STORAGES.get(key) : null
}

/** PyTorch's names of element types, and what they are here. Quantised types occur as values only. */
const DTYPES = new Map<string, DType | undefined>([
  ...(Object.entries({
    float64: 'f64',
    double: 'f64',
    float32: 'f32',
    float: 'f32',
    float16: 'f16',
    half: 'f16',
    bfloat16: 'bf16',
    int64: 'i64',
    long: 'i64',
    int32: 'i32',
    int: 'i32',
    int16: 'i16',
    short: 'i16',
    int8: 'i8',
    uint64: 'u64',
    uint32: 'u32',
    uint16: 'u16',
    uint8: 'u8',
    bool: 'bool',
    complex64: 'c64',
    cfloat: 'c64',
    complex128: 'c128',
    cdouble: 'c128',
    float8_e4m3fn: 'f8_e4m3',
    float8_e5m2: 'f8_e5m2',
    float8_e4m3fnuz: 'f8_e4m3fnuz',
    float8_e5m2fnuz: 'f8_e5m2fnuz',
    float8_e8m0fnu: 'f8_e8m0',
  }) as [string, DType][]),
  ...['complex32', 'chalf', 'qint8', 'qint32', 'quint8', 'quint4x2', 'quint2x4'].map((name) => [name, undefined] as const),
])

/** Element type behind a `torch.float32` value, or undefined if there is none here. */
export const dtypeOf = (value: TorchDtype): DType | undefined => DTYPES.get(value.name)

// Protocol 2 writes an empty bytes object as a call of `bytes` without arguments, so `bytes` stands beside the other builtins.
const BUILTINS = 'dict list set frozenset tuple int float bool str bytes bytearray complex slice object'.split(' ')
const REBUILDS = '_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state'.split(
  ' ',
)

/** The whitelist: spec/checkpoints 2.2. */
const LISTED = new Map<string, Role>([
  ...['collections OrderedDict', 'collections defaultdict', '_codecs encode', 'torch Size', 'torch device'].map(
    (k) => [k, 'constructor'] as const,
  ),
  ...BUILTINS.flatMap((name) => [`__builtin__ ${name}`, `builtins ${name}`].map((k) => [k, 'constructor'] as const)),
  ...REBUILDS.map((name) => [`torch._utils ${name}`, 'constructor'] as const),
  ['torch._tensor _rebuild_from_type_v2', 'constructor'],
  ...['argparse Namespace', 'yacs.config CfgNode', 'types SimpleNamespace'].map((k) => [k, 'record'] as const),
  ...['numpy.core.multiarray', 'numpy._core.multiarray'].flatMap((m) =>
    [`${m} scalar`, `${m} _reconstruct`].map((k) => [k, 'opaque'] as const),
  ),
  ...['numpy dtype', 'numpy ndarray'].map((k) => [k, 'opaque'] as const),
  ...['PosixPath', 'PurePosixPath', 'WindowsPath', 'PureWindowsPath'].map((name) => [`pathlib ${name}`, 'opaque'] as const),
  ['torch Tensor', 'value'],
  ...[...STORAGES.keys()].map((k) => [k, 'value'] as const),
])

/** Packages from which nothing unlisted is taken even where unknown classes are tolerated: they run, load or reach things. */
const NEVER = new Set(
  `__builtin__ builtins os posix nt sys subprocess _posixsubprocess importlib _frozen_importlib _frozen_importlib_external imp pkgutil zipimport
  runpy pty tty shutil socket _socket ssl select selectors ctypes _ctypes cffi operator _operator functools _functools itertools codecs _codecs
  pickle _pickle cPickle copyreg copy_reg marshal shelve dill cloudpickle joblib code codeop commands popen2 platform webbrowser http urllib urllib2
  requests ftplib smtplib telnetlib asyncio multiprocessing threading _thread concurrent signal io _io tempfile pathlib glob fileinput site sysconfig
  distutils setuptools pip timeit profile cProfile pdb bdb trace doctest unittest inspect ast types gc weakref atexit logging getpass pwd mmap
  ensurepip venv antigravity numpy`.split(/\s+/),
)

const isForbidden = (module: string): boolean => {
  const top = module.split('.')[0] as string
  // torch.load, torch.hub, torch.jit and their like; layers and optimizers are classes like any other.
  return NEVER.has(top) || (/^_?torch\w*$/.test(top) && !/^torch\.(nn|optim)\./.test(module))
}

const IDENTIFIER = /^[A-Za-z_]\w*$/

/** The role of a name; undefined for a class that is not on the list and was let through as opaque. */
export const roleOf = (name: PyGlobal): Role | undefined => LISTED.get(name.toString())

/**
 * The inert value for a pair that the file names. Nothing is imported; the pair is compared as it stands.
 *
 * @param unknown what becomes of classes that are not on the list
 * @throws CheckpointError ForbiddenGlobal
 */
export function resolveGlobal(module: string, name: string, unknown: 'refuse' | 'opaque'): PyValue {
  const listed = LISTED.has(`${module} ${name}`)
  if (module === 'torch' && DTYPES.has(name)) return new TorchDtype(name)
  // A name with a space in it could otherwise be split in two ways.
  const wellFormed = IDENTIFIER.test(name) && module.split('.').every((part) => IDENTIFIER.test(part))
  if (wellFormed && (listed || (unknown === 'opaque' && !isForbidden(module)))) return new PyGlobal(module, name)
  const remedy =
    wellFormed && !isForbidden(module)
      ? "; if you trust the source and need only its tensors, open it with {unknownClasses: 'opaque'}"
      : ''
  throw new CheckpointError(
    'ForbiddenGlobal',
    `the file wants to use ${quote(`${module}.${name}`)}, which a checkpoint of weights has no need for; nothing was called${remedy || '. Do not open this file with Python either'}`,
  )
}

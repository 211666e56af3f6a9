import { bytesPerElement, type DType } from '../dtype.js'
import { CheckpointError } from '../errors.js'
import type { Budget } from '../pickle/budget.js'
import { type Constructor, misuse } from '../pickle/constructors.js'
import { dtypeOf } from '../pickle/globals.js'
import { PyDict, PyGlobal, PyTuple, type PyValue, TorchDtype, TorchSize } from '../pickle/values.js'
import { PyStorage, PyTensor } from './tensor.js'
import { checkView } from './views.js'

interface ViewArguments {
  storage: PyValue | undefined
  offset: PyValue | undefined
  size: PyValue | undefined
  stride: PyValue | undefined
  requiresGrad: PyValue | undefined
  hooks: PyValue | undefined
  metadata: PyValue | undefined
}

const dims = (value: PyValue | undefined, args: readonly PyValue[]): readonly PyValue[] =>
  value instanceof PyTuple ? value.items : value instanceof TorchSize ? value.dims : misuse(args, 'size and stride as tuples')

function assertNoHooks(hooks: PyValue | undefined): void {
  if (!(hooks instanceof PyDict) || hooks.type !== 'OrderedDict' || hooks.size > 0)
    throw new CheckpointError('UnsupportedTensor', 'a tensor has backward hooks; save its detached values instead')
}

function assertPlain(metadata: PyValue | undefined): void {
  if (metadata === undefined || metadata === null) return
  const plain = metadata instanceof PyDict && ['conj', 'neg'].every((bit) => !metadata.has(bit) || metadata.get(bit) === false)
  if (!plain)
    throw new CheckpointError(
      'UnsupportedTensor',
      'a tensor is a conjugated or negated view; save it with resolve_conj() and resolve_neg()',
    )
}

function tensor(view: ViewArguments, dtype: DType | undefined, args: readonly PyValue[], budget: Budget): PyTensor {
  const { storage, offset, requiresGrad } = view
  if (!(storage instanceof PyStorage) || typeof requiresGrad !== 'boolean')
    return misuse(args, 'a storage, an offset, sizes, strides, a flag and hooks')
  assertNoHooks(view.hooks)
  assertPlain(view.metadata)
  const typed = storage.block.dtype
  if ((dtype === undefined) === (typed === undefined))
    throw new CheckpointError(
      'InvalidStorage',
      `${typed === undefined ? 'a storage of bytes needs' : 'a typed storage takes no'} element type of its own`,
    )
  const type = (dtype ?? typed) as DType
  const width = bytesPerElement(type)
  const shape = dims(view.size, args)
  const stride = dims(view.stride, args)
  const available = typed === undefined ? Math.floor(storage.elements / width) : storage.elements
  const count = checkView(shape, stride, offset, available)
  budget.spend(1 + shape.length)
  budget.expand(count * width, available * width)
  return new PyTensor(type, [...(shape as number[])], [...(stride as number[])], offset as number, storage, requiresGrad, false)
}

const v1: Constructor = (args, budget) => {
  const [storage, offset, size, stride] = args
  if (args.length !== 4) return misuse(args, 'storage, offset, size, stride')
  return tensor(
    { storage, offset, size, stride, requiresGrad: false, hooks: new PyDict('OrderedDict'), metadata: null },
    undefined,
    args,
    budget,
  )
}

const v2: Constructor = (args, budget) => {
  const [storage, offset, size, stride, requiresGrad, hooks, metadata] = args
  if (args.length < 6 || args.length > 7) return misuse(args, 'storage, offset, size, stride, requires_grad, hooks')
  return tensor({ storage, offset, size, stride, requiresGrad, hooks, metadata }, undefined, args, budget)
}

const v3: Constructor = (args, budget) => {
  const [storage, offset, size, stride, requiresGrad, hooks, dtype, metadata] = args
  if (args.length < 7 || args.length > 8 || !(dtype instanceof TorchDtype))
    return misuse(args, 'storage, offset, size, stride, requires_grad, hooks, dtype')
  const type = dtypeOf(dtype) ?? unsupported(dtype.name)
  return tensor({ storage, offset, size, stride, requiresGrad, hooks, metadata }, type, args, budget)
}

function unsupported(name: string): never {
  throw new CheckpointError(
    'UnsupportedDtype',
    `a tensor has the element type torch.${name}, which is not supported; convert it before saving`,
  )
}

function parameter(args: readonly PyValue[], budget: Budget): PyTensor {
  const [data, requiresGrad, hooks] = args
  if (!(data instanceof PyTensor) || typeof requiresGrad !== 'boolean') return misuse(args, 'a tensor, a flag and hooks')
  assertNoHooks(hooks)
  budget.spend(1)
  return new PyTensor(data.dtype, data.shape, data.stride, data.offset, data.storage, requiresGrad, true)
}

/** What a tensor with attributes may be made of: a rebuild of the list above, which cannot nest. */
const SIMPLE = new Map<string, Constructor>([
  ['torch._utils _rebuild_tensor', v1],
  ['torch._utils _rebuild_tensor_v2', v2],
  ['torch._utils _rebuild_tensor_v3', v3],
  [
    'torch._utils _rebuild_parameter',
    (args, budget) => (args.length === 3 ? parameter(args, budget) : misuse(args, 'a tensor, a flag and hooks')),
  ],
  // The fourth argument, a dict of Python attributes, is dropped.
  [
    'torch._utils _rebuild_parameter_with_state',
    (args, budget) => (args.length === 4 ? parameter(args, budget) : misuse(args, 'a tensor, a flag, hooks and attributes')),
  ],
])

const fromType: Constructor = (args, budget) => {
  const [rebuild, type, inner] = args
  const build = rebuild instanceof PyGlobal ? SIMPLE.get(rebuild.toString()) : undefined
  if (args.length !== 4 || build === undefined || !(inner instanceof PyTuple))
    return misuse(args, 'a rebuild function, a type, arguments and attributes')
  if (!(type instanceof PyGlobal) || type.toString() !== 'torch Tensor')
    throw new CheckpointError('UnsupportedTensor', `a tensor is of the subclass ${String(type)}; save it as a plain tensor`)
  return build(inner.items, budget)
}

/** Rebuild functions of tensors, by `module name`. */
export const REBUILDS: ReadonlyMap<string, Constructor> = new Map([...SIMPLE, ['torch._tensor _rebuild_from_type_v2', fromType]])

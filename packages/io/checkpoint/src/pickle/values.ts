import type { PyStorage, PyTensor } from '../pytorch/tensor.js'

/**
 * What a pickle decodes to: inert data. Integers are numbers, or bigints beyond 2^53; floats are numbers; bytes are Uint8Array.
 * References stay shared, and a hostile file can make a few bytes reach themselves sixty levels deep: walk with a limit or
 * remember what was visited, never copy blindly.
 */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyValue[]
  | PyTuple
  | PyDict
  | PySet
  | PyComplex
  | PyRecord
  | PyOpaque
  | PyGlobal
  | TorchSize
  | TorchDtype
  | TorchDevice
  | PyStorage
  | PyTensor

export class PyTuple {
  readonly items: readonly PyValue[]

  constructor(items: readonly PyValue[]) {
    this.items = items
  }
}

/**
 * A dict, OrderedDict or defaultdict. Being a Map, any name is just a key; keys that are objects (tuples) are compared by identity.
 */
export class PyDict extends Map<PyValue, PyValue> {
  /** Instance attributes, which only an OrderedDict has: `_metadata` of a state dict. */
  readonly attributes: Map<string, PyValue> | undefined
  readonly type: 'dict' | 'OrderedDict' | 'defaultdict'

  constructor(type: 'dict' | 'OrderedDict' | 'defaultdict' = 'dict', entries: Iterable<readonly [PyValue, PyValue]> = []) {
    super(entries)
    this.type = type
    this.attributes = type === 'OrderedDict' ? new Map() : undefined
  }
}

export class PySet {
  readonly items: Set<PyValue>
  readonly frozen: boolean

  constructor(frozen: boolean, items: Iterable<PyValue>) {
    this.frozen = frozen
    this.items = new Set(items)
  }
}

export class PyComplex {
  readonly re: number
  readonly im: number

  constructor(re: number, im: number) {
    this.re = re
    this.im = im
  }
}

/** An object of a known configuration class (`argparse.Namespace`, `yacs.config.CfgNode`), read as named values. */
export class PyRecord {
  /** Of a dict subclass: its items. */
  readonly items = new Map<PyValue, PyValue>()
  /** Attributes. */
  readonly fields = new Map<string, PyValue>()
  readonly className: string

  constructor(className: string) {
    this.className = className
  }
}

/** An object of a class that is not interpreted. */
export class PyOpaque {
  /** Constructor arguments, then states and items in the order of the file. */
  readonly parts: PyValue[] = []
  readonly className: string
  /** Of a class that only the option `unknownClasses` let through. */
  readonly unlisted: boolean

  constructor(className: string, unlisted = false) {
    this.className = className
    this.unlisted = unlisted
  }
}

/** A class or function named by the file. Only the name: nothing was imported. */
export class PyGlobal {
  readonly module: string
  readonly qualname: string

  constructor(module: string, qualname: string) {
    this.module = module
    this.qualname = qualname
  }

  toString(): string {
    return `${this.module} ${this.qualname}`
  }
}

export class TorchSize {
  readonly dims: readonly number[]

  constructor(dims: readonly number[]) {
    this.dims = dims
  }
}

export class TorchDtype {
  /** PyTorch's name, as in `torch.float32`. */
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

export class TorchDevice {
  /** As PyTorch prints it: `cpu`, `cuda:1`. */
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Kind of a value, for error messages. */
export function kindOf(value: PyValue): string {
  if (value === null) return 'None'
  if (typeof value !== 'object') return typeof value
  if (value instanceof PyGlobal) return `the name ${value}`
  if (value instanceof PyRecord || value instanceof PyOpaque) return value.className
  return Array.isArray(value) ? 'list' : value.constructor.name
}

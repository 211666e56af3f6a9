import { concat, text, uleb, vector } from './encode.js'
import { FunctionBuilder } from './function.js'
import type { FunctionRef, ValueType } from './value.js'

const typeCode: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

interface ImportedFunction extends FunctionRef {
  readonly module: string
}

/** Limits of the imported memory, in pages of 64 KiB. */
export interface MemoryLimits {
  readonly initial: number
  readonly maximum: number
  readonly shared: boolean
}

/** Collects functions and gives the bytes of a module that imports its memory as `env.memory`. */
export class ModuleBuilder {
  readonly #memory: MemoryLimits
  readonly #imports: ImportedFunction[] = []
  readonly #functions: FunctionBuilder[] = []
  readonly #exports: FunctionRef[] = []

  constructor(memory: MemoryLimits) {
    this.#memory = memory
  }

  /** A function imported as `module.name`; asking twice gives the same one. */
  import(module: string, name: string, params: readonly ValueType[], result?: ValueType): FunctionRef {
    const known = this.#imports.find((f) => f.module === module && f.name === name)
    if (known) return known
    const made = { module, name, params, result }
    this.#imports.push(made)
    return made
  }

  /** A new function; `write` fills it in, now. */
  function(
    name: string,
    params: readonly ValueType[],
    result: ValueType | undefined,
    write: (f: FunctionBuilder) => void,
  ): FunctionBuilder {
    const f = new FunctionBuilder(name, params, result)
    write(f)
    this.#functions.push(f)
    return f
  }

  /** Exports a function under its own name. */
  export(f: FunctionRef): void {
    this.#exports.push(f)
  }

  /** The module in the binary format. */
  bytes(): Uint8Array<ArrayBuffer> {
    const all: FunctionRef[] = [...this.#imports, ...this.#functions]
    const index = new Map(all.map((f, i) => [f, i]))
    const types: string[] = []
    const typeIndex = (f: FunctionRef) => {
      const type = signature(f).join()
      const known = types.indexOf(type)
      return known >= 0 ? known : types.push(type) - 1
    }
    const { initial, maximum, shared } = this.#memory
    const limits = [shared ? 3 : 1, ...uleb(initial), ...uleb(maximum)]
    const imports = [
      [...text('env'), ...text('memory'), 0x02, ...limits],
      ...this.#imports.map((f) => [...text(f.module), ...text(f.name), 0x00, ...uleb(typeIndex(f))]),
    ]
    const declared = this.#functions.map((f) => uleb(typeIndex(f)))
    const exports = this.#exports.map((f) => [...text(f.name), 0x00, ...uleb(index.get(f)!)])
    const bodies = this.#functions.map((f) => body(f, index))
    const names = vector(all.map((f, i) => [...uleb(i), ...text(f.name)]))
    return concat(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, vector(types.map((t) => t.split(',').map(Number)))),
      section(2, vector(imports)),
      section(3, vector(declared)),
      section(7, vector(exports)),
      section(10, vector(bodies)),
      // Function names, for profilers and stack traces.
      section(0, concat(text('name'), section(1, names))),
    )
  }
}

const section = (id: number, content: Uint8Array): Uint8Array => concat([id], uleb(content.length), content)

const signature = (f: FunctionRef): number[] => [
  0x60,
  ...vector(f.params.map((t) => [typeCode[t]])),
  ...vector(f.result ? [[typeCode[f.result]]] : []),
]

function body(f: FunctionBuilder, index: ReadonlyMap<FunctionRef, number>): Uint8Array {
  const runs: [number, ValueType][] = []
  for (const type of f.locals) {
    const last = runs.at(-1)
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  const code: number[] = []
  for (const part of f.code) {
    if (typeof part === 'number') code.push(part)
    else code.push(...uleb(index.get(part)!))
  }
  const locals = vector(runs.map(([n, type]) => [...uleb(n), typeCode[type]]))
  return concat(uleb(locals.length + code.length + 1), locals, code, [0x0b])
}

import type { TypedArray } from '@scanline/tensor'
import type { Dims } from './dims.js'
import { type Attribute, dataTypes, type ElementType, type Initializer, type OnnxNode } from './model.js'

/** Collects the nodes and constants of a file, and gives them names. */
export class Builder {
  readonly nodes: OnnxNode[] = []
  readonly opset: number
  /** What nodes are named by: the path of the module that they belong to. */
  path = ''
  /** Small constants: shapes, axes, single numbers. */
  readonly initializers: Initializer[] = []
  readonly #known = new Map<string, string>()
  readonly #taken = new Map<string, number>()
  #batch: string | undefined

  constructor(opset: number) {
    this.opset = opset
  }

  /** A name that nothing else has: as wanted, or with a number behind it. */
  unique(wanted: string): string {
    const count = this.#taken.get(wanted) ?? 0
    this.#taken.set(wanted, count + 1)
    return count === 0 ? wanted : this.unique(`${wanted}_${count}`)
  }

  /** A node of one output; gives its name. */
  add(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>): string {
    return this.addMany(op, inputs, 1, attributes)[0]
  }
  addMany(op: string, inputs: readonly string[], count: number, attributes?: Readonly<Record<string, Attribute>>): string[] {
    const name = this.unique(`${this.path === '' ? '' : `/${this.path.replaceAll('.', '/')}`}/${op}`)
    const outputs = Array.from({ length: count }, (_, i) => `${name}_output_${i}`)
    this.nodes.push({ op, name, inputs, outputs, ...(attributes && { attributes }) })
    return outputs
  }

  /** A name below the current path. */
  scoped(role: string): string {
    return this.path === '' ? role : `${this.path}.${role}`
  }
  /** The same elements in another shape. */
  reshape(name: string, dims: Dims): string {
    const free = dims.filter((d) => typeof d !== 'number').length
    const shape = free === 1 ? this.ints(dims.map((d) => (typeof d === 'number' ? d : -1))) : this.shape(dims)
    return this.add('Reshape', [name, shape])
  }

  /** A list of whole numbers, as attributes that became inputs want it. */
  ints(values: readonly number[]): string {
    return this.#constant(`ints_${values.join('_')}`, [values.length], 'i64', BigInt64Array.from(values, BigInt))
  }
  /** One number. */
  scalar(value: number, dtype: ElementType = 'f32'): string {
    const name = `${dtype}_${Object.is(value, -0) ? '-0' : value}`
    if (dtype === 'f32') return this.#constant(name, [], dtype, Float32Array.of(value))
    if (dtype === 'f64') return this.#constant(name, [], dtype, Float64Array.of(value))
    if (dtype === 'i64') return this.#constant(name, [], dtype, BigInt64Array.of(BigInt(Math.trunc(value))))
    if (dtype === 'i32') return this.#constant(name, [], dtype, Int32Array.of(value))
    // Narrow types have no typed array of their own.
    return this.#once(`cast ${name}`, () => this.add('Cast', [this.scalar(value)], { to: { int: dataTypes[dtype] } }))
  }
  /** `count` equal numbers. */
  filled(count: number, value: number): string {
    return this.#constant(`fill_${count}_${value}`, [count], 'f32', new Float32Array(count).fill(value))
  }
  #constant(key: string, shape: readonly number[], dtype: ElementType, values: TypedArray): string {
    return this.#once(key, () => {
      const bytes = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength)
      const name = this.unique(key)
      this.initializers.push({ name, shape, dtype, bytes })
      return name
    })
  }
  #once(key: string, make: () => string): string {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const name = make()
    this.#known.set(key, name)
    return name
  }

  /** Where the number of images is taken from: the first axis of an input. */
  countBatchOf(input: string): void {
    this.#batch = input
  }
  /** A shape as a tensor: a constant where every length is known. */
  shape(dims: Dims): string {
    if (dims.every((d) => typeof d === 'number')) return this.ints(dims as number[])
    const parts: string[] = []
    let known: number[] = []
    const flush = (): void => {
      if (known.length > 0) parts.push(this.ints(known))
      known = []
    }
    for (const dim of dims) {
      if (typeof dim === 'number') {
        known.push(dim)
        continue
      }
      flush()
      parts.push(this.#times(dim.times))
    }
    flush()
    return parts.length === 1 ? parts[0] : this.#once(`shape ${parts}`, () => this.add('Concat', parts, { axis: { int: 0 } }))
  }
  #times(times: number): string {
    const batch = this.#once('batch', () => this.add('Shape', [this.#batch!], { start: { int: 0 }, end: { int: 1 } }))
    return times === 1 ? batch : this.#once(`batch ${times}`, () => this.add('Mul', [batch, this.ints([times])]))
  }
}

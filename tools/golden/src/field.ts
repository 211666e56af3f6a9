import { FormatError } from './errors.js'

/**
 * A value of a JSON document together with its place in it, so that every complaint says where.
 *
 * @example
 * const shape = new Field(JSON.parse(text)).at('input').at('shape').shape()
 */
export class Field {
  readonly value: unknown
  readonly path: string

  constructor(value: unknown, path = '') {
    this.value = value
    this.path = path
  }

  /** A field that must be there. Throws `FormatError`. */
  at(key: string): Field {
    const found = this.maybe(key)
    if (!found) this.fail(`needs the field "${key}"`)
    return found
  }

  /** A field that may be absent (`null` counts as absent). */
  maybe(key: string): Field | undefined {
    const value = Object.hasOwn(this.record(), key) ? this.record()[key] : undefined
    return value === undefined || value === null ? undefined : new Field(value, this.path ? `${this.path}.${key}` : key)
  }

  has(key: string): boolean {
    return this.isRecord() && Object.hasOwn(this.record(), key)
  }

  keys(): string[] {
    return Object.keys(this.record())
  }

  entries(): [string, Field][] {
    return this.keys().map((key) => [key, new Field(this.record()[key], this.path ? `${this.path}.${key}` : key)])
  }

  list(): Field[] {
    if (!Array.isArray(this.value)) this.fail(`expected a list, found ${kind(this.value)}`)
    return this.value.map((v, i) => new Field(v, `${this.path}[${i}]`))
  }

  /** A list of exactly `length` entries. */
  tuple(length: number): Field[] {
    const list = this.list()
    if (list.length !== length) this.fail(`expected ${length} entries, found ${list.length}`)
    return list
  }

  isRecord(): boolean {
    return typeof this.value === 'object' && this.value !== null && !Array.isArray(this.value)
  }

  record(): Record<string, unknown> {
    if (!this.isRecord()) this.fail(`expected an object, found ${kind(this.value)}`)
    return this.value as Record<string, unknown>
  }

  string(): string {
    if (typeof this.value !== 'string') this.fail(`expected a text, found ${kind(this.value)}`)
    return this.value
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') this.fail(`expected true or false, found ${kind(this.value)}`)
    return this.value
  }

  number(): number {
    if (typeof this.value !== 'number') this.fail(`expected a number, found ${kind(this.value)}`)
    return this.value
  }

  /** A whole number, not negative. */
  count(): number {
    const value = this.number()
    if (!Number.isSafeInteger(value) || value < 0) this.fail(`expected a whole number from 0 on, found ${value}`)
    return value
  }

  numbers(): number[] {
    return this.list().map((f) => f.number())
  }

  strings(): string[] {
    return this.list().map((f) => f.string())
  }

  shape(): number[] {
    return this.list().map((f) => f.count())
  }

  /** One of the given texts. */
  oneOf<T extends string>(...allowed: readonly T[]): T {
    const value = this.string()
    if (!allowed.includes(value as T)) this.fail(`expected one of ${allowed.join(', ')}, found ${JSON.stringify(value)}`)
    return value as T
  }

  /** The bytes that a base64 text stands for. */
  bytes(): Uint8Array {
    const text = this.string()
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) this.fail('expected base64')
    return new Uint8Array(Buffer.from(text, 'base64'))
  }

  fail(message: string): never {
    throw new FormatError(this.path, message)
  }
}

const kind = (value: unknown): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`

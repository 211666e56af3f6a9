import { CheckpointError, type CheckpointErrorCode, quote } from './errors.js'
import { assertKeyLength } from './limits.js'

const ESCAPES = new Map([...'"\\/bfnrt'].map((c, i) => [c, '"\\/\b\f\n\r\t'[i] as string]))
const MAX_DEPTH = 128
const U64_MAX = 2n ** 64n - 1n

/**
 * Reads JSON by visiting it. JSON.parse would keep the last of two equal keys without a word, lose integers above 2^53 and
 * build whatever the text holds; here the caller sees each key as it comes and decides.
 */
export class JsonScanner {
  private pos = 0
  private depth = 0

  private readonly text: string
  private readonly code: CheckpointErrorCode
  private readonly what: string

  constructor(text: string, code: CheckpointErrorCode, what: string) {
    this.text = text
    this.code = code
    this.what = what
  }

  fail(problem: string): never {
    throw new CheckpointError(this.code, `${this.what}, character ${this.pos}: ${problem}`)
  }

  /** The next character that is not white space, or '' at the end. */
  peek(): string {
    while (this.pos < this.text.length && ' \t\n\r'.includes(this.text[this.pos] as string)) this.pos++
    return this.text[this.pos] ?? ''
  }

  private expect(char: string, where: string): void {
    const found = this.peek()
    if (found !== char) this.fail(`expected ${quote(char)} ${where}, found ${found === '' ? 'the end' : quote(found)}`)
    this.pos++
  }

  /** An object; `member` is called at each value, which it must consume. */
  object(member: (key: string) => void): void {
    this.sequence('{', '}', () => {
      if (this.peek() !== '"') this.fail('expected a key in double quotes')
      const key = this.string()
      assertKeyLength(key, 'a key')
      this.expect(':', `after the key ${quote(key)}`)
      member(key)
    })
  }

  /** An array; `element` is called at each value, which it must consume. */
  array(element: () => void): void {
    this.sequence('[', ']', element)
  }

  private sequence(open: string, close: string, item: () => void): void {
    this.expect(open, 'here')
    if (++this.depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH}`)
    if (this.peek() !== close) {
      item()
      while (this.peek() === ',') {
        this.pos++
        item()
      }
    }
    this.expect(close, 'or a comma')
    this.depth--
  }

  string(): string {
    this.expect('"', 'to start a string')
    let value = ''
    for (let from = this.pos; ; ) {
      const code = this.text.charCodeAt(this.pos)
      if (Number.isNaN(code)) this.fail('the string does not end')
      if (code < 0x20) this.fail('control character in a string')
      if (code === 0x22) {
        value += this.text.slice(from, this.pos++)
        return value
      }
      if (code === 0x5c) {
        value += this.text.slice(from, this.pos) + this.escape()
        from = this.pos
      } else this.pos++
    }
  }

  private escape(): string {
    const kind = this.text[this.pos + 1] ?? ''
    if (kind !== 'u') {
      const char = ESCAPES.get(kind) ?? this.fail(`unknown escape ${quote(`\\${kind}`)}`)
      this.pos += 2
      return char
    }
    const unit = this.codeUnit()
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit)
    const low = unit < 0xdc00 && this.text.startsWith('\\u', this.pos) ? this.codeUnit() : 0
    if (low < 0xdc00 || low > 0xdfff) this.fail('half of a surrogate pair')
    return String.fromCharCode(unit, low)
  }

  private codeUnit(): number {
    const digits = this.text.slice(this.pos + 2, this.pos + 6)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('\\u needs four hexadecimal digits')
    this.pos += 6
    return Number.parseInt(digits, 16)
  }

  /** An integer of 0 to 2^64 - 1, written without fraction or exponent. */
  unsigned(what: string): bigint {
    this.peek()
    const start = this.pos
    this.digits()
    const digits = this.text.slice(start, Math.min(this.pos, start + 21))
    if (!/^(0|[1-9][0-9]*)$/.test(digits) || /[.eE]/.test(this.text[this.pos] ?? '') || BigInt(digits) > U64_MAX) {
      this.pos = start
      this.fail(`${what} must be an integer of 0 to 2^64 - 1`)
    }
    return BigInt(digits)
  }

  private digits(): boolean {
    const start = this.pos
    for (let c = this.text.charCodeAt(start); c >= 0x30 && c <= 0x39; c = this.text.charCodeAt(++this.pos));
    return this.pos > start
  }

  /** Checks any value and drops it. */
  skip(): void {
    const next = this.peek()
    if (next === '{') this.object(() => this.skip())
    else if (next === '[') this.array(() => this.skip())
    else if (next === '"') this.string()
    else if (next === '-' || (next >= '0' && next <= '9')) this.number()
    else {
      const word = ['true', 'false', 'null'].find((w) => this.text.startsWith(w, this.pos)) ?? this.fail('expected a value')
      this.pos += word.length
    }
  }

  private number(): void {
    if (this.text[this.pos] === '-') this.pos++
    const start = this.pos
    let ok = this.digits() && (this.text[start] !== '0' || this.pos === start + 1)
    if (this.text[this.pos] === '.') {
      this.pos++
      ok = this.digits() && ok
    }
    if (/[eE]/.test(this.text[this.pos] ?? '')) {
      this.pos++
      if (/[+-]/.test(this.text[this.pos] ?? '')) this.pos++
      ok = this.digits() && ok
    }
    if (!ok) this.fail('malformed number')
  }

  end(): void {
    const rest = this.peek()
    if (rest !== '') this.fail(`${quote(rest)} after the end of the object`)
  }
}

const scratch = new DataView(new ArrayBuffer(4))

/**
 * Numbers that kernels load as vectors. V8 builds a vector constant anew at each use, in three or four instructions;
 * a splatting load from a fixed address is one.
 */
export class ConstantPool {
  readonly #known = new Map<number, number>()
  readonly #end: number
  readonly #write: (address: number, bits: number) => void
  #next: number

  /** Fills the bytes from `start` up to `end`. */
  constructor(start: number, end: number, write: (address: number, bits: number) => void) {
    this.#next = start
    this.#end = end
    this.#write = write
  }

  /** Where the 32-bit pattern is kept; `undefined` when the pool is full. */
  address(bits: number): number | undefined {
    let address = this.#known.get(bits)
    if (address === undefined && this.#next + 4 <= this.#end) {
      address = this.#next
      this.#next += 4
      this.#known.set(bits, address)
      this.#write(address, bits)
    }
    return address
  }
}

/** The bit pattern of a number as an f32. */
export function f32Bits(x: number): number {
  scratch.setFloat32(0, x)
  return scratch.getInt32(0)
}

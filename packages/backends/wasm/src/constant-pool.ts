const scratch = new DataView(new ArrayBuffer(4))

/**
 * Vectors that kernels load instead of spelling them out: V8 builds a vector constant anew at each use, in three or four
 * instructions, while a load from a fixed address is one. All four lanes are stored, as a splatting load would need its
 * address in a register.
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

  /** Where the vector with a 32-bit pattern in every lane is kept; `undefined` when the pool is full. */
  address(bits: number): number | undefined {
    let address = this.#known.get(bits)
    if (address === undefined && this.#next + 16 <= this.#end) {
      address = this.#next
      this.#next += 16
      this.#known.set(bits, address)
      for (let lane = 0; lane < 4; lane++) this.#write(address + 4 * lane, bits)
    }
    return address
  }
}

/** The bit pattern of a number as an f32. */
export function f32Bits(x: number): number {
  scratch.setFloat32(0, x)
  return scratch.getInt32(0)
}

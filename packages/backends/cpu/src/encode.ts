import type { ProgramSpec, Ref } from '@scanline/tensor'

/**
 * A launch's parameters as numbers, for native/reader.h: booleans as 0 and 1, names as hashes, lists with their length
 * before them, records as their values in the order they were written.
 */
export function encode(value: unknown, words: number[]): void {
  if (typeof value === 'number') words.push(value)
  else if (typeof value === 'boolean') words.push(value ? 1 : 0)
  else if (typeof value === 'string') words.push(nameHash(value))
  else if (Array.isArray(value)) {
    words.push(value.length)
    for (const one of value) encode(one, words)
  } else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) encode(one, words)
  else throw new TypeError(`a launch's parameters hold ${value}; use numbers, booleans, names, lists and records`)
}

const hashes = new Map<string, number>()

/** FNV-1a, as `operator""_name` of native/reader.h computes it. */
function nameHash(text: string): number {
  const known = hashes.get(text)
  if (known !== undefined) return known
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hashes.set(text, hash >>> 0)
  return hash >>> 0
}

/** An argument: an entry of the table that a run brings along (-1 for none), and bytes past it or an address. */
export interface Place {
  readonly entry: number
  readonly address: number
}

/** Launches with their arguments, for `Program` of native/program.cc. */
export function encodeSteps(
  entries: number,
  steps: readonly { readonly kernel: string; readonly params: unknown; readonly args: readonly Place[] }[],
): Float64Array {
  const words = [entries, steps.length]
  for (const { kernel, params, args } of steps) {
    words.push(nameHash(kernel))
    const length = words.push(0)
    encode(params, words)
    words[length - 1] = words.length - length
    words.push(args.length)
    for (const { entry, address } of args) words.push(entry, address)
  }
  return Float64Array.from(words)
}

/** A whole program; `addressOf` gives where its constants and slots lie. */
export function encodeProgram({ inputs, outputs, steps }: ProgramSpec, addressOf: (ref: Ref) => number): Float64Array {
  const place = (ref: Ref): Place => {
    if (ref.from === 'input') return { entry: ref.index, address: ref.offset }
    if (ref.from === 'output') return { entry: inputs.length + ref.index, address: ref.offset }
    return { entry: -1, address: addressOf(ref) + ref.offset }
  }
  return encodeSteps(
    inputs.length + outputs.length,
    steps.map(({ launch, args }) => ({ kernel: launch.kernel, params: launch.params, args: args.map(place) })),
  )
}

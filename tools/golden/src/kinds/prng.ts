import { partialError, relativeError } from '../compare.js'
import type { Field } from '../field.js'
import { fillInput, fillTensor, fnv1a32 } from '../fill.js'
import type { Kind } from '../kind.js'
import { sizeOf } from '../reference.js'

const hash = /^fnv1a32\((.*)\)$/

/** Inputs are printed before they are rounded to float32. */
const bound = 2 ** -24

/** Checks of the generator that fills weights and inputs: hashes of texts, first values of inputs and of named tensors. */
export const prng: Kind = {
  name: 'fill',
  matches: (file) => file.isRecord() && file.keys().some((key) => hash.test(key)),
  run: (file, context) => {
    const salt = file.at('salt').string()
    for (const [name, value] of file.entries()) {
      const text = hash.exec(name)?.[1]
      if (name === 'salt') continue
      if (text !== undefined) context.check({ name, error: Math.abs(fnv1a32(text) - value.count()), bound: 0 })
      else context.check({ name, error: fillError(name, value, salt), bound })
    }
  },
}

function fillError(name: string, value: Field, salt: string): number {
  if (Array.isArray(value.value)) {
    const expected = value.numbers()
    return relativeError(fillInput(name, [expected.length], salt), expected)
  }
  const shape = value.at('shape').shape()
  const expected = value.at('data').numbers()
  if (expected.length > sizeOf(shape)) value.at('data').fail(`expected at most ${sizeOf(shape)} values, found ${expected.length}`)
  return partialError(fillTensor(name, shape, salt), expected, 0, 1)
}

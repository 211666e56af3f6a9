import type { ActivationName } from '@scanline/nn'
import { NotSupportedError } from '../errors.js'
import type { Field } from '../field.js'

/** What each constructor argument means here, by its name in PyTorch. */
export type ArgTable<T> = Readonly<Record<string, (value: Field) => Partial<T>>>

/** Translates a file's `args`. Throws `FormatError` for an argument that the constructor does not have. */
export function readArgs<T>(args: Field | undefined, table: ArgTable<T>): Partial<T> {
  const parts = (args?.entries() ?? []).map(([name, value]) => {
    if (!Object.hasOwn(table, name)) value.fail(`no such argument; there are ${Object.keys(table).join(', ')}`)
    return value.value === null ? {} : table[name](value)
  })
  return Object.assign({}, ...parts)
}

/** The last name of `SiLU`, `torch.nn.SiLU`, `<class 'torch.nn.modules.activation.SiLU'>`, without its arguments. */
const className = (text: string): string => /(\w+)\W*$/.exec(text.replace(/\(.*\)/s, ''))?.[1] ?? ''

const activations: Readonly<Record<string, ActivationName>> = { gelu: 'gelu', silu: 'silu', swish: 'silu', relu: 'relu' }

/** An activation, by timm's name or as a class. Throws `NotSupportedError` for others. */
export function readActivation(value: Field): ActivationName {
  const name = className(value.string()).toLowerCase()
  if (Object.hasOwn(activations, name)) return activations[name]
  throw new NotSupportedError(`${value.path}: the activation ${JSON.stringify(value.value)}`)
}

/** A norm has to be a LayerNorm with the epsilon that the published models use. Throws `NotSupportedError` for others. */
export function requireLayerNorm(value: Field, eps: number): void {
  const text = value.string()
  const given = /eps\s*=\s*([0-9.eE+-]+)/.exec(text)?.[1]
  const layerNorm = /\blayernorm(2d)?\b/i.test(text)
  if (!layerNorm || (given !== undefined && Number(given) !== eps))
    throw new NotSupportedError(`${value.path}: the norm ${JSON.stringify(text)}; LayerNorm with eps ${eps} is`)
}

/** An argument that must have one value, because nothing else was built. */
export function requireValue(value: Field, expected: unknown): void {
  if (value.value !== expected)
    throw new NotSupportedError(`${value.path}: ${JSON.stringify(value.value)} instead of ${JSON.stringify(expected)}`)
}

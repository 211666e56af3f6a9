/** The parts of an ONNX file, in this package's own plain form; `serialize` turns them into bytes. */

/** A value for an attribute of a node. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly graph: OnnxGraph }

export interface OnnxNode {
  readonly op: string
  readonly name?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

export type ElementType = 'f32' | 'f64' | 'f16' | 'bf16' | 'i64' | 'i32' | 'u8' | 'bool'

/** Numbers of element types in the format: TensorProto.DataType. */
export const dataTypes: Readonly<Record<ElementType, number>> = {
  f32: 1,
  u8: 2,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  bf16: 16,
}

/** A constant. `bytes` are its elements, little-endian and row-major. */
export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: ElementType
  readonly bytes: Uint8Array
}

/** A length that is known, or the name of one that each run may choose. */
export type Dimension = number | string

/** An input or output. */
export interface Port {
  readonly name: string
  readonly dtype: ElementType
  /** Absent where nobody needs to know it: inside the body of a loop. */
  readonly shape?: readonly Dimension[]
}

export interface OnnxGraph {
  readonly name?: string
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly Initializer[]
}

export interface OnnxModel {
  readonly graph: OnnxGraph
  /** Version of the standard operators. */
  readonly opset: number
  readonly metadata?: Readonly<Record<string, string>>
}

import type { Node } from '@scanline/compile'
import type { Tensor } from '@scanline/tensor'
import type { Builder } from './builder.js'
import type { Dims } from './dims.js'
import type { OnnxExportError } from './errors.js'
import type { Value } from './value.js'

/** What the lowering of a node works with. */
export interface OpContext {
  readonly builder: Builder
  readonly node: Node
  readonly inputs: readonly Value[]
  /** Of the outputs. */
  readonly dims: readonly Dims[]
  /** The tensor of an input that is constant. */
  constant(input: number): Tensor | undefined
  /** The name of a constant that is computed from others now. */
  write(make: () => Tensor, role: string): string
  /** The node that alone reads the first output of `of`, if it passes and its other operand is constant. */
  followed(of: Node, by: (reader: Node) => boolean): { readonly reader: Node; readonly other: Tensor } | undefined
  set(output: number, value: Value): void
  /** The result of a later node that this one has computed too. */
  setLater(later: Node, value: Value): void
  /** A refusal that names op and shapes. */
  refuse(why: string): OnnxExportError
}

export type Lower = (context: OpContext) => void

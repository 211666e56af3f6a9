import { ArgumentError } from './errors.js'
import type { Tensor } from './tensor.js'

/** Tensors, or arrays and records of them. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree } | undefined | null | number | string | boolean

const open: Set<Tensor>[] = []

/** Registers a new tensor with the innermost scope. */
export function adopt(tensor: Tensor): void {
  open[open.length - 1]?.add(tensor)
}

/**
 * Runs `body` and frees every tensor that it made, except those that it returns (alone, or within arrays and records).
 * Synchronous: an `async` body throws `ArgumentError`, as tensors made after an `await` would escape.
 *
 * @example
 * const y = scope(() => add(mul(x, 2), 1)) // the product is freed
 */
export function scope<T>(body: () => T): T {
  const made = new Set<Tensor>()
  open.push(made)
  let kept: Set<unknown> | undefined
  try {
    const result = body()
    if (result instanceof Promise)
      throw new ArgumentError('scope() needs a synchronous function: await outside of it, or dispose with `using`')
    kept = new Set(leaves(result as Tree))
    return result
  } finally {
    open.pop()
    for (const tensor of made) {
      if (kept?.has(tensor)) adopt(tensor)
      else tensor.dispose()
    }
  }
}

/** Runs `body` with its tensors registered nowhere: whoever asked for them frees them. */
export function unscoped<T>(body: () => T): T {
  open.push(new Set())
  try {
    return body()
  } finally {
    open.pop()
  }
}

/** Every tensor within a tree, in order. */
export function leaves(tree: Tree): Tensor[] {
  const found: Tensor[] = []
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return
    if (isTensor(node)) found.push(node)
    else if (Array.isArray(node)) node.forEach(visit)
    else if (Object.getPrototypeOf(node) === Object.prototype) Object.values(node).forEach(visit)
  }
  visit(tree)
  return found
}

/** The same tree with its tensors, in the order of `leaves`, replaced. */
export function withLeaves<T extends Tree>(tree: T, replacements: readonly Tensor[]): T {
  let next = 0
  const visit = (node: unknown): unknown => {
    if (node === null || typeof node !== 'object') return node
    if (isTensor(node)) return replacements[next++]
    if (Array.isArray(node)) return node.map(visit)
    if (Object.getPrototypeOf(node) !== Object.prototype) return node
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value)]))
  }
  return visit(tree) as T
}

// Structural: this file is below tensor.ts.
const isTensor = (node: object): node is Tensor => 'strides' in node && 'dtype' in node && 'alias' in node

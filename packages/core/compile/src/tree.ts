import { leaves, type Tensor, type Tree } from '@scanline/tensor'

/** The same tree with its tensors, in the order of `leaves`, replaced. */
export function withLeaves<T extends Tree>(tree: T, replacements: readonly Tensor[]): T {
  let next = 0
  const visit = (node: unknown): unknown => {
    if (node === null || typeof node !== 'object') return node
    if (Array.isArray(node)) return node.map(visit)
    if (Object.getPrototypeOf(node) === Object.prototype)
      return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, visit(v)]))
    return leaves(node as Tree).length === 1 ? replacements[next++] : node
  }
  return visit(tree) as T
}

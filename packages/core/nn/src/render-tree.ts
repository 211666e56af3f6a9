/** A module as `toString` draws it. */
export interface TreeNode {
  readonly name: string
  readonly label: string
  readonly tensors: readonly string[]
  readonly parameters: number
  readonly children: readonly TreeNode[]
}

const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',')

/** One line a module: name, class, own tensors, and the number of parameters where it has children. */
export function renderTree(root: TreeNode): string {
  return lines(root, root.name, '').join('\n')
}

function lines(node: TreeNode, name: string, indent: string): string[] {
  const each = name === node.name ? '' : ' each'
  const count = node.children.length > 0 || indent === '' ? `  ${grouped(node.parameters)} parameters${each}` : ''
  const tensors = node.tensors.length > 0 ? `  ${node.tensors.join(', ')}` : ''
  const head = `${indent}${name === '' ? '' : `${name}: `}${node.label}${tensors}${count}`
  const below: string[] = []
  for (let i = 0; i < node.children.length; ) {
    let last = i
    while (last + 1 < node.children.length && alike(node.children[i], node.children[last + 1])) last++
    const child = node.children[i]
    const label = last === i ? child.name : `${child.name} … ${node.children[last].name}`
    below.push(...lines(child, label, `${indent}  `))
    i = last + 1
  }
  return [head, ...below]
}

/** Neighbours of one array (`blocks.0`, `blocks.1`) with the same content. */
function alike(a: TreeNode, b: TreeNode): boolean {
  return /\.\d+$/.test(a.name) && stem(a.name) === stem(b.name) && content(a) === content(b)
}

const stem = (name: string): string => name.replace(/\d+$/, '')
const content = (node: TreeNode): string => JSON.stringify({ ...node, name: '' })

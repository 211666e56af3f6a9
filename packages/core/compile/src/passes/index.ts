import type { Graph } from '../graph.js'
import { dropDeadCode } from './dead-code.js'
import { foldBlend } from './fold-blend.js'
import { foldNormAffine } from './fold-norm.js'
import { foldNormShared } from './fold-norm-shared.js'
import { foldScale } from './fold-scale.js'
import { foldSkip } from './fold-skip.js'
import { fuse } from './fuse.js'
import { joinPads } from './join-pads.js'
import { mergeProducts } from './merge-products.js'
import { simplify } from './simplify.js'
import { splitAddNorm } from './split-add-norm.js'
import { splitColumns } from './split-columns.js'

/** What `compile` does to a graph, in order. Each pass keeps the function and changes its form. */
export const passes: readonly { readonly name: string; readonly run: (graph: Graph) => Graph }[] = [
  { name: 'drop dead code', run: dropDeadCode },
  { name: 'simplify', run: simplify },
  { name: 'join pads', run: joinPads },
  { name: 'split add norm', run: splitAddNorm },
  { name: 'fold norm affine', run: foldNormAffine },
  { name: 'fold shared norm affine', run: foldNormShared },
  { name: 'fold scale', run: foldScale },
  { name: 'merge products', run: mergeProducts },
  { name: 'fold blend', run: foldBlend },
  { name: 'fold scale', run: foldScale },
  { name: 'fold skip', run: foldSkip },
  { name: 'split columns', run: splitColumns },
  { name: 'fuse', run: fuse },
  { name: 'drop dead code', run: dropDeadCode },
]

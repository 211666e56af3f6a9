import { belowPrefix } from '@scanline/nn'

/** Entries of any published file under the names of the module tree, which are the authors' and timm's; see `belowPrefix`. */
export const toPlain = <T>(entries: Iterable<readonly [string, T]>): [string, T][] =>
  belowPrefix(entries, 'patch_embed.conv.0.conv.weight')

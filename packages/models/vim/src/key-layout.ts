import { belowPrefix } from '@scanline/nn'

/** Entries of any published file under the names of the module tree; see `belowPrefix`. */
export const toVim = <T>(entries: Iterable<readonly [string, T]>): [string, T][] =>
  belowPrefix(entries, 'patch_embed.proj.weight')

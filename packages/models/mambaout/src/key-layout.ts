import { belowPrefix } from '@scanline/nn'

/** The names of the official repository's checkpoints, or those of timm's, which are the module tree's own. */
export type KeyLayout = 'official' | 'timm'

/** The name that timm gives to an official entry. Names that are of neither layout stay. */
export function officialToTimm(key: string): string {
  return key
    .replace(/^stages\.(\d+)\.(\d+)\./, 'stages.$1.blocks.$2.')
    .replace(/^downsample_layers\.0\./, 'stem.')
    .replace(/^downsample_layers\.(\d+)\./, 'stages.$1.downsample.')
    .replace(/^head\.fc1\./, 'head.pre_logits.fc.')
    .replace(/^head\.norm\./, 'head.pre_logits.norm.')
    .replace(/^head\.fc2\./, 'head.fc.')
    .replace(/^norm\./, 'head.norm.')
}

/** The name that the official repository gives to an entry of timm's. */
export function timmToOfficial(key: string): string {
  return key
    .replace(/^stages\.(\d+)\.blocks\.(\d+)\./, 'stages.$1.$2.')
    .replace(/^stem\./, 'downsample_layers.0.')
    .replace(/^stages\.(\d+)\.downsample\./, 'downsample_layers.$1.')
    .replace(/^head\.norm\./, 'norm.')
    .replace(/^head\.fc\./, 'head.fc2.')
    .replace(/^head\.pre_logits\.fc\./, 'head.fc1.')
    .replace(/^head\.pre_logits\.norm\./, 'head.norm.')
}

/** Which layout a state dict has. `head.norm` and the blocks' inner names are in both, with different meanings. */
export function keyLayout(keys: Iterable<string>): KeyLayout {
  const official = /^(downsample_layers\.|norm\.|head\.fc[12]\.|stages\.\d+\.\d+\.)/
  for (const key of keys) if (official.test(key)) return 'official'
  return 'timm'
}

/** The same entries under timm's names, whichever layout they come in, and whatever wrappers put before (`belowPrefix`). */
export function toTimm<T>(entries: Iterable<readonly [string, T]>): [string, T][] {
  const list = belowPrefix(entries, 'stem.conv1.weight', 'downsample_layers.0.conv1.weight')
  const rename = keyLayout(list.map(([key]) => key)) === 'official' ? officialToTimm : (key: string) => key
  return list.map(([key, value]) => [rename(key), value])
}

const officialOrder = ['downsample_layers.', 'stages.', 'norm.', 'head.']

/** Entries under timm's names, in their order, as the official files have them: all downsampling before all stages. */
export function toOfficial<T>(entries: Iterable<readonly [string, T]>): [string, T][] {
  const renamed = [...entries].map(([key, value]): [string, T] => [timmToOfficial(key), value])
  const group = (key: string) => officialOrder.findIndex((prefix) => key.startsWith(prefix))
  return renamed.sort(([a], [b]) => group(a) - group(b))
}

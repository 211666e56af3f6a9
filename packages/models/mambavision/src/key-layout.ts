const first = 'patch_embed.conv_down.0.weight'

/**
 * Entries of any published file under the names of the module tree: the trainer's `module.`, the transformers classes'
 * `model.`, a masked autoencoder's `encoder.`, a detector's `backbone.`, or several of them, are taken off. What lies
 * outside such a prefix (a decoder, a detection head) is left out. Entries without a patch embedding stay as they are.
 */
export function toPlain<T>(entries: Iterable<readonly [string, T]>): [string, T][] {
  const list = [...entries]
  const found = list.map(([key]) => key).find((key) => key === first || key.endsWith(`.${first}`))
  const prefix = found?.slice(0, -first.length) ?? ''
  return list.flatMap(([key, value]): [string, T][] => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : []))
}

/** Entries under the published names: without what data-parallel wrappers and the dense frameworks put in front. */
export function toVim<T>(entries: Iterable<readonly [string, T]>): [string, T][] {
  return [...entries].map(([key, value]) => [key.replace(/^(?:(?:module|model|backbone|net)\.)+/, ''), value])
}

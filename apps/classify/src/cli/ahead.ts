/** Maps items in order, starting up to `count` of them before the consumer asks: reading goes on while the device computes. */
export async function* ahead<T, R>(items: Iterable<T>, count: number, load: (item: T) => Promise<R>): AsyncGenerator<R> {
  const under: Promise<R>[] = []
  for (const item of items) {
    const started = load(item)
    // Reported when its turn comes; if the consumer leaves before, nobody needs it.
    started.catch(() => {})
    under.push(started)
    if (under.length > count) yield under.shift()!
  }
  for (const started of under) yield started
}

/** What keeps a value from being plain data: text, numbers, booleans, null, and arrays and records of them. */
export function whyNotPlain(value: unknown, path: string): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return undefined
  if (typeof value !== 'object') return `${path} is of type ${typeof value}`
  if (Array.isArray(value)) return first(value.map((v, i) => [v, `${path}[${i}]`]))
  if (Object.getPrototypeOf(value) !== Object.prototype) return `${path} is a ${value.constructor?.name ?? 'bare object'}`
  // JSON leaves out what is undefined, as reading it back does.
  return first(Object.entries(value).flatMap(([key, v]) => (v === undefined ? [] : [[v, `${path}.${key}`] as const])))
}

function first(parts: readonly (readonly [unknown, string])[]): string | undefined {
  for (const [value, path] of parts) {
    const why = whyNotPlain(value, path)
    if (why) return why
  }
  return undefined
}

/** JSON, in which the numbers that it has no word for are written `{"number":"-0"}`. Keys keep their order. */
export const exactJson = (value: unknown): string =>
  JSON.stringify(value, (_, v) =>
    typeof v === 'number' && (!Number.isFinite(v) || Object.is(v, -0)) ? { number: Object.is(v, -0) ? '-0' : String(v) } : v,
  )

/** A copy that went through JSON. */
export const throughJson = <T>(value: T): T =>
  JSON.parse(exactJson(value), (_, v) => (typeof v?.number === 'string' && Object.keys(v).length === 1 ? Number(v.number) : v))

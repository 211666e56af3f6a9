/** A number as Python writes a float: 1.0, 1e-05, nan. Tables of the published trainers hold floats in this form. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string]
  const power = Number(exponent)
  // Python changes to exponents below 1e-4 and from 1e16 on, JavaScript below 1e-6 and from 1e21 on.
  if (value !== 0 && (power < -4 || power >= 16))
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  const digits = value === 0 ? '0' : value.toFixed(Math.max(0, mantissa.replace(/^-?\d\.?/, '').length - power))
  return digits.includes('.') ? digits : `${digits}.0`
}

/** Python's `round(value, digits)`: to the nearest decimal, exact halves to the even one. */
export function pythonRound(value: number, digits: number): number {
  const exact = value.toFixed(60)
  const cut = exact.indexOf('.') + 1 + digits
  const half = /^50*$/.test(exact.slice(cut))
  if (!half) return Number(value.toFixed(digits))
  const down = exact.slice(0, cut)
  return Number(/[02468]\.?$/.test(down) ? down : value.toFixed(digits))
}

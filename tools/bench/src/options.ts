import { InvalidArgumentError } from 'commander'

export function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '')) throw new InvalidArgumentError('expected names with commas between them')
  return names
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1 on')
  return value
}

export const wholeNumbers = (text: string): number[] => [...new Set(list(text).map(wholeNumber))]

import { readFile } from 'node:fs/promises'
import { deviceNames } from '@scanline/devices'
import { modelInfo, UnknownModelError } from '@scanline/zoo'
import { InvalidArgumentError } from 'commander'
import { explain, Failure } from './failure.js'

/** A parser of whole numbers for commander. */
export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= low && value <= high) return value
    throw new InvalidArgumentError(`Use a whole number from ${low} to ${high}.`)
  }
}

/** The full name of a model that exists. */
export function knownModel(name: string): string {
  try {
    return modelInfo(name).name
  } catch (error) {
    if (error instanceof UnknownModelError) throw new InvalidArgumentError(`${explain(error)} (\`models\` lists all)`)
    throw error
  }
}

export function knownDevice(name: string): string {
  if (deviceNames.includes(name)) return name
  throw new InvalidArgumentError(`Use one of ${deviceNames.join(', ')}.`)
}

/** One class name a line; blank lines at the end do not count. */
export async function readClasses(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error) => {
    throw new Failure(`--classes ${file}: cannot be read (${explain(error)})`)
  })
  const lines = text
    .replace(/^\ufeff/, '')
    .trimEnd()
    .split(/\r?\n/)
  const empty = lines.findIndex((line) => line.trim() === '')
  if (empty >= 0) throw new Failure(`--classes ${file}: line ${empty + 1} is empty; write one name on each line`)
  return lines.map((line) => line.trim())
}

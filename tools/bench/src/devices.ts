import { deviceNames as all, openDevice as open } from '@scanline/devices'
import type { Backend } from '@scanline/tensor'
import { BenchError } from './errors.js'

/** A measurement names what it measures: there is no `auto`. */
export const deviceNames: readonly string[] = all.filter((name) => name !== 'auto')

/** Throws `BenchError` for a name that is not in {@link deviceNames}. */
export async function openDevice(name: string, threads: number): Promise<Backend> {
  if (!deviceNames.includes(name)) throw new BenchError(`there is no device "${name}"; choose one of ${deviceNames.join(', ')}`)
  // The report warns where a device used fewer threads than were asked for.
  return open(name, name === 'reference' ? {} : { threads })
}

import { type DeviceOptions, deviceNames, openDevice as open } from '@scanline/devices'
import type { Backend } from '@scanline/tensor'
import { FormatError } from './errors.js'

export { type DeviceOptions, deviceNames }

/** A backend and the element type that files are run in on it. */
export interface Device {
  readonly name: string
  /** What models are built in: on the reference float64, which leaves only the rounding of the printed digits to compare. */
  readonly dtype: 'f64' | 'f32'
  readonly backend: Backend
}

/** Throws `FormatError` for a name that is not in {@link deviceNames}. */
export async function openDevice(name: string, options: DeviceOptions = {}): Promise<Device> {
  if (!deviceNames.includes(name))
    throw new FormatError('--device', `there is no device "${name}"; choose one of ${deviceNames.join(', ')}`)
  const backend = await open(name, options)
  return { name: backend.name, dtype: backend.name === 'reference' ? 'f64' : 'f32', backend }
}

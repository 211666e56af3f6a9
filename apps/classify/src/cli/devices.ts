import { describeDevice, deviceNames, openDevice } from '@scanline/devices'
import type { Backend } from '@scanline/tensor'
import { exitCodes, Failure } from './failure.js'

/** The device that `--device` names; `--threads` undefined means as many as the machine has. */
export async function open(name: string, threads: number | undefined): Promise<Backend> {
  if (name === 'reference' && threads !== undefined && threads !== 1)
    throw new Failure(`--threads ${threads}: the reference device has one thread`, exitCodes.usage)
  return openDevice(name, { threads })
}

/** For the help of `--device`. */
export const describeDevices = (): string => deviceNames.map((name) => `${name} (${describeDevice(name)})`).join(', ')

import { ArgumentError, type Backend } from '@scanline/tensor'

export interface DeviceOptions {
  /** Threads to compute in. Default: as many as may run at once. */
  readonly threads?: number | undefined
}

/** One device that can be opened. Its package is imported when it is asked for. */
export interface DeviceKind {
  readonly about: string
  open(options: DeviceOptions): Promise<Backend>
  /** Why it does not run here; empty where it does. Without it, it always does. */
  refusal?(): Promise<string>
}

export interface Choice {
  readonly name: string
  /** Why those before it in the list were not taken; empty for the first. */
  readonly why: string
}

export interface Devices {
  /** `auto`, and the devices that can be named here, the preferred one first. */
  readonly deviceNames: readonly string[]
  /** What a device is, for a list of choices. */
  describeDevice(name: string): string
  /**
   * What `auto` means here: the first device that runs.
   *
   * @example
   * const { name, why } = await chooseDevice() // { name: 'cpu', why: '' }
   */
  chooseDevice(): Promise<Choice>
  /**
   * A device by name; `auto`, the default, is the one that {@link chooseDevice} gives, and its `name` tells which it is.
   *
   * @throws ArgumentError for a name that is not in {@link deviceNames}, or options that the device does not have; what
   * opening the device throws.
   *
   * @example
   * const device = await openDevice('auto', { threads: 2 })
   * console.log(device.name)
   */
  openDevice(name?: string, options?: DeviceOptions): Promise<Backend>
}

/** The functions of this package over a table of devices, the preferred one first; the last that `auto` may take has no refusal. */
export function devicesOf(kinds: Readonly<Record<string, DeviceKind>>): Devices {
  const deviceNames = ['auto', ...Object.keys(kinds)]
  const kindOf = (name: string): DeviceKind => {
    if (Object.hasOwn(kinds, name)) return kinds[name]!
    throw new ArgumentError(`there is no device "${name}"; choose one of ${deviceNames.join(', ')}`)
  }
  const chooseDevice = async (): Promise<Choice> => {
    const reasons: string[] = []
    for (const [name, { refusal }] of Object.entries(kinds)) {
      const reason = (await refusal?.()) ?? ''
      if (reason === '') return { name, why: reasons.join('; ') }
      reasons.push(reason)
    }
    throw new ArgumentError(`none of the devices runs here: ${reasons.join('; ')}`)
  }
  return {
    deviceNames,
    chooseDevice,
    describeDevice: (name) => (name === 'auto' ? 'the first of the others that runs here' : kindOf(name).about),
    openDevice: async (name = 'auto', options = {}) => kindOf(name === 'auto' ? (await chooseDevice()).name : name).open(options),
  }
}

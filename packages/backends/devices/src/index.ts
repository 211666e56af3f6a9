import { devicesOf } from './devices.js'
import { reference, wasm } from './kinds.js'

export type { Choice, DeviceOptions } from './devices.js'

export const { deviceNames, describeDevice, chooseDevice, openDevice } = devicesOf({ wasm, reference })

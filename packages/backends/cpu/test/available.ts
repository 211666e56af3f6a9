import type { Backend } from '@scanline/tensor'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { createCpuBackend, explainCpu, isCpuAvailable } from '../src/index.js'

/** `describe` with a device for each number of threads; skipped, with the reason, where the addon was not built. */
export function eachDevice(name: string, body: (device: () => Backend) => void): void {
  if (!isCpuAvailable()) {
    test.skip(`${name}: ${explainCpu()}`, () => {})
    return
  }
  describe.each([1, 3])(`${name}, %i threads`, (threads) => {
    let device: Backend
    beforeAll(async () => {
      device = await createCpuBackend({ threads })
    })
    afterAll(() => device.dispose())
    body(() => device)
  })
}

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isCpuAvailable } from '@scanline/cpu'
import { ArgumentError } from '@scanline/tensor'
import { build } from 'vite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { devicesOf } from '../src/devices.js'
import * as browser from '../src/index.js'
import { reference } from '../src/kinds.js'
import * as node from '../src/node.js'

describe('devices', () => {
  test('auto is the native one where it runs', async () => {
    const expected = isCpuAvailable() ? 'cpu' : 'wasm'
    const { name, why } = await node.chooseDevice()
    expect([name, why === '']).toEqual([expected, isCpuAvailable()])
    const device = await node.openDevice()
    expect(device.name).toBe(expected)
    device.dispose()
  })

  test('auto passes over what does not run, and says why', async () => {
    const absent = { ...reference, refusal: async () => 'there is no such machine' }
    const { chooseDevice, openDevice } = devicesOf({ quantum: absent, reference })
    expect(await chooseDevice()).toEqual({ name: 'reference', why: 'there is no such machine' })
    expect((await openDevice()).name).toBe('reference')
    await expect(devicesOf({ quantum: absent }).openDevice()).rejects.toThrow('none of the devices runs here: there is no such')
  })

  test('by name, with options', async () => {
    const device = await node.openDevice('wasm', { threads: 1 })
    expect([device.name, device.capabilities.threads]).toEqual(['wasm', 1])
    device.dispose()
    await expect(node.openDevice('reference', { threads: 2 })).rejects.toThrow('threads is 2; the reference device has one')
    for (const name of ['abacus', 'toString']) await expect(node.openDevice(name)).rejects.toThrow(ArgumentError)
    await expect(browser.openDevice('cpu')).rejects.toThrow('choose one of auto, wasm, reference')
  })

  test('a bundle for browsers has nothing of the native device', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'scanline-devices-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    await build({
      configFile: false,
      logLevel: 'error',
      root: fileURLToPath(new URL('.', import.meta.url)),
      resolve: { conditions: ['@scanline/source', 'browser'] },
      build: {
        outDir: folder,
        emptyOutDir: true,
        minify: false,
        lib: { entry: fileURLToPath(new URL('fixtures/page.js', import.meta.url)), formats: ['es'], fileName: 'page' },
      },
    })
    const code = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
    expect(code.some((text) => text.includes('runs everywhere'))).toBe(true)
    for (const text of code) expect(text).not.toMatch(/scanline\.node|createCpuBackend|node:module/)
  })
})

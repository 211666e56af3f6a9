import { describe, expect, it } from 'vitest'
import { bytesSource, CheckpointError, openCheckpoint } from '../src/index.js'
import { bytesOf, CASES, readEverything } from './fixtures.js'

/** Positions tried in each file; all of them where FUZZ_ALL is set. */
const POSITIONS = process.env['FUZZ_ALL'] ? Number.POSITIVE_INFINITY : 80

/** Decodes or refuses; anything else that happens is returned. */
async function accident(bytes: Uint8Array): Promise<unknown> {
  try {
    await readEverything(await openCheckpoint(bytesSource(bytes)))
  } catch (error) {
    if (!(error instanceof CheckpointError)) return error
  }
  return undefined
}

describe('a file with one wrong byte, or cut off, decodes or is refused', () => {
  it.each(CASES.filter((c) => c.expect === 'decode'))('$file', async ({ file }) => {
    const bytes = bytesOf(file)
    const step = Math.max(1, bytes.length / POSITIONS)
    for (let p = 0; p < bytes.length; p += step) {
      const at = Math.floor(p)
      const original = bytes[at] as number
      for (const value of [original ^ 1, original ^ 0x80, 0xff, (original * 7 + at) & 0xff]) {
        bytes[at] = value
        expect(await accident(bytes), `byte ${at} set to ${value}`).toBeUndefined()
      }
      bytes[at] = original
      expect(await accident(bytes.slice(0, at)), `cut off at ${at}`).toBeUndefined()
    }
  })
})

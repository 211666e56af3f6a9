import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Allocator, alignment } from '../src/allocator.js'
import { createWasmBackend } from '../src/index.js'

const end = 64 * 1024

test('random requests never overlap, stay aligned, and everything merges again', () => {
  const commands = fc.array(
    fc.oneof(
      fc.record({ alloc: fc.integer({ min: 0, max: 9000 }) }),
      fc.record({ free: fc.nat() }),
      fc.record({ extend: fc.integer({ min: 1, max: 5000 }) }),
    ),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(commands, (list) => {
      const allocator = new Allocator(640, end)
      const held: { address: number; bytes: number }[] = []
      let top = end
      for (const command of list) {
        if ('alloc' in command) {
          const address = allocator.alloc(command.alloc)
          if (address === undefined) continue
          expect(address % alignment).toBe(0)
          expect(address).toBeGreaterThanOrEqual(640)
          expect(address + command.alloc).toBeLessThanOrEqual(top)
          for (const other of held) {
            expect(
              address >= other.address + Math.max(1, other.bytes) || other.address >= address + Math.max(1, command.alloc),
            ).toBe(true)
          }
          held.push({ address, bytes: command.alloc })
        } else if ('free' in command && held.length > 0) {
          allocator.free(held.splice(command.free % held.length, 1)[0].address)
        } else if ('extend' in command) {
          top += command.extend
          allocator.extend(top)
        }
        expect(allocator.memory().buffers).toBe(held.length)
      }
      for (const { address } of held) allocator.free(address)
      const { buffers, bytes, reserved } = allocator.memory()
      expect({ buffers, bytes }).toEqual({ buffers: 0, bytes: 0 })
      // One free range again: it can be taken whole.
      expect(allocator.alloc(reserved)).toBe(640)
    }),
  )
})

test('the best fitting range is taken', () => {
  const allocator = new Allocator(0, end)
  const [a, , b] = [6400, 64, 640, 64].map((bytes) => allocator.alloc(bytes)!)
  allocator.free(a)
  allocator.free(b)
  expect(allocator.alloc(600)).toBe(b)
  expect(allocator.alloc(6000)).toBe(a)
})

test('an address is freed once', () => {
  const allocator = new Allocator(0, end)
  const address = allocator.alloc(10)!
  allocator.free(address)
  expect(() => allocator.free(address)).toThrow(RangeError)
})

test('the device grows, counts what is in use, and names what does not fit', async () => {
  const backend = await createWasmBackend({ threads: 1, maxMemory: 64 * 2 ** 20 })
  const before = backend.memory()
  const small = backend.alloc(100)
  const large = backend.alloc(40 * 2 ** 20)
  backend.write(large, 40 * 2 ** 20 - 3, Uint8Array.of(1, 2, 3))
  expect(Array.from(await backend.read(large, 40 * 2 ** 20 - 4, 4))).toEqual([expect.any(Number), 1, 2, 3])
  expect(backend.memory().buffers).toBe(before.buffers + 2)
  expect(backend.memory().reserved).toBeGreaterThan(before.reserved)
  expect(() => backend.alloc(30 * 2 ** 20)).toThrow(
    expect.objectContaining({
      name: 'OutOfMemoryError',
      message: expect.stringMatching(/^31457280 bytes do not fit: .* maxMemory$/),
    }),
  )
  backend.free(small)
  backend.free(large)
  expect(backend.memory().bytes).toBe(before.bytes)
  // What was given back can be had again.
  backend.free(backend.alloc(40 * 2 ** 20))
  backend.dispose()
})

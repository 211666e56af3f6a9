import { expect, test } from 'vitest'
import { Generator, RandomStreams, ReferenceBackend, threefry2x32 } from '../src/index.js'

test('Threefry-2x32-20 gives the known answers of the Random123 distribution', () => {
  expect(threefry2x32(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe])
  expect(threefry2x32(-1, -1, -1, -1)).toEqual([0x1cb996fc, 0xbb002be7])
  expect(threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0])
})

test('a generator continues from its state', () => {
  const a = new Generator(7)
  for (let i = 0; i < 5; i++) a.normal()
  const b = new Generator(a.state.seed, a.state.draws)
  expect(b.uniform()).toBe(a.uniform())
})

test('normal and truncated normal have the moments they should', () => {
  const random = new Generator(3)
  const values = Array.from({ length: 20000 }, () => random.truncatedNormal(1, 2))
  const mean = values.reduce((a, b) => a + b) / values.length
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
  expect(Math.abs(mean)).toBeLessThan(0.02)
  // A standard normal cut at ±2 has standard deviation 0.8796.
  expect(std).toBeCloseTo(0.8796, 1)
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(2)
})

test('normal numbers are the same on every engine', () => {
  const random = new Generator(42)
  const digest = Array.from({ length: 1000 }, () => random.normal()).reduce((sum, v) => Math.fround(sum + v), 0)
  expect(digest).toBe(-23.245563507080078)
  expect(new Generator(0).normal()).toBe(-0.7658786474487324)
})

test('streams of one key differ', async () => {
  const device = new ReferenceBackend()
  const streams = new RandomStreams(new Generator(1).key(device))
  const a = await streams.uniform([4]).data()
  const b = await streams.uniform([4]).data()
  expect(a).not.toEqual(b)
  expect([...a, ...b].every((v) => v >= 0 && v < 1)).toBe(true)
})

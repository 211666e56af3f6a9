import { join } from 'node:path'
import { openCheckpointFile } from '@scanline/checkpoint/node'
import { decodeImage } from '@scanline/image'
import { Generator } from '@scanline/tensor'
import { createWasmBackend } from '@scanline/wasm'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeCheckpoint } from '../src/demo/checkpoint.js'
import { contactSheet } from '../src/demo/contact-sheet.js'
import { drawScene, sceneNames } from '../src/demo/scenes.js'
import { temporaryFolder } from './setup.js'

describe('the demo', () => {
  it('draws every pattern, the same for the same seed, at any size', () => {
    const pictures = sceneNames.map((name) => drawScene(name, new Generator(3), 48))
    expect(new Set(pictures.map(({ data }) => data.join())).size).toBe(sceneNames.length)
    expect(drawScene('dots', new Generator(3), 48)).toEqual(pictures[sceneNames.indexOf('dots')])
    const small = drawScene('dots', new Generator(3), 5)
    expect([small.width, small.height, small.data.length]).toEqual([5, 5, 75])
  })

  it('trains, measures, and writes weights that load', async () => {
    const device = await createWasmBackend({ threads: 2 })
    onTestFinished(() => device.dispose())
    const before = device.memory().buffers
    const path = join(temporaryFolder(), 'patterns.safetensors')
    const losses: number[] = []
    const settings = { training: 96, heldOut: 18, epochs: 5 }
    const { parameters, accuracy } = await makeCheckpoint(path, device, (_, loss) => losses.push(loss), settings)
    // Chance is ln 6 = 1.79.
    expect(losses).toHaveLength(5)
    expect(losses[4]).toBeLessThan(losses[0]! - 0.05)
    expect(Math.round(accuracy * 18)).toBeCloseTo(accuracy * 18, 9)
    expect(device.memory().buffers).toBe(before)

    const checkpoint = await openCheckpointFile(path)
    onTestFinished(() => checkpoint.close())
    const entries = [...checkpoint.tensors.values()]
    expect(entries.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0)).toBe(parameters)
    expect(checkpoint.tensors.get('head.fc.bias')?.shape).toEqual([sceneNames.length])
  })

  it('draws a contact sheet for any pictures and names', async () => {
    const image = drawScene('rings', new Generator(1), 30)
    const predictions = [
      { index: 0, label: 'a <very> "long" name & more of it', probability: 0.9 },
      { index: 1, label: '\u0000', probability: 0 },
    ]
    const text = { title: '<Title>', subtitle: 'a & b' }
    const one = await decodeImage(contactSheet([{ image, caption: 'x.png', predictions }], text))
    const entries = [undefined, 'rings', predictions[0]!.label, 'b', 'c'].map((truth) => ({
      image,
      caption: '&',
      predictions,
      ...(truth && { truth }),
    }))
    const five = await decodeImage(contactSheet(entries, text))
    expect(five.width).toBeGreaterThan(one.width)
    expect(five.height).toBeGreaterThan(one.height)
    // Something is drawn where the title is: the font was found.
    const row = five.data.subarray(five.width * 3 * 84, five.width * 3 * 96)
    expect(row.some((value) => value < 80)).toBe(true)
  })
})

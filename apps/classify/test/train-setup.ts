import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { names, png, temporaryFolder } from './setup.js'

/** A folder with both splits: `each` pictures of every class to train on, a third as many to validate on. */
export function dataset({ each = 9, classes = names as readonly string[], lasting = false } = {}): string {
  const root = lasting ? mkdtempSync(join(tmpdir(), 'scanline-classify-data-')) : temporaryFolder()
  for (const [c, name] of classes.entries())
    for (let i = 0; i < each + each / 3; i++) {
      const path = join(root, i < each ? 'train' : 'val', name, `${i}.png`)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, png(100 * c + i))
    }
  return root
}

/** A network of every family that trains in a moment. */
export const tiny = {
  test_mambaout: { depths: [1, 1, 1, 1], dims: [8, 12, 16, 24] },
  mamba_vision_T: { dim: 8, inDim: 8, depths: [1, 1, 2, 0], numHeads: [1, 1, 2, 2], windowSize: [8, 8, 2, 1] },
  vim_tiny: { depth: 2, embedDim: 16, patchSize: 8, stride: 8, stateDim: 4 },
  efficientvim_m1: { embedDim: [16, 24], depths: [1, 1], stateDim: [4, 4] },
} as const

/** The hash of every file of a run that must not depend on how often it was interrupted. */
export function results(folder: string): Record<string, string> {
  const files = readdirSync(folder).filter((name) => /\.(safetensors|csv)$/.test(name))
  return Object.fromEntries(
    files.sort().map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  )
}

/** What a file holds as text. */
export const text = (...path: readonly string[]): string => readFileSync(join(...path), 'utf8')

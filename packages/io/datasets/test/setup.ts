import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { encodePng } from '@scanline/image'
import { onTestFinished } from 'vitest'

export const fixture = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scanline-datasets-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files below a folder; folders by a `/` at the end. */
export function makeTree(files: Readonly<Record<string, Uint8Array | string>>): string {
  const root = temporaryFolder()
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(path.endsWith('/') ? join(root, path) : dirname(join(root, path)), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(join(root, path), content)
  }
  return root
}

/** A PNG whose pixels tell its number. */
export function picture(number: number, width = 24, height = 20): Uint8Array {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (number * 37 + i * 11 + (i >> 5) * number) & 255)
  return encodePng({ width, height, channels: 3, data })
}

/** Classes a, b, … with pictures each. */
export function pictures(classes: number, each: number): Record<string, Uint8Array> {
  const names = Array.from({ length: classes * each }, (_, i) => `${String.fromCharCode(97 + (i % classes))}/${i}.png`)
  return Object.fromEntries(names.map((name, i) => [name, picture(i)]))
}

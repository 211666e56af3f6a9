// Packs every public package as it would be published and lets publint and attw look at the result.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folders = [
  'packages/core',
  'packages/backends',
  'packages/io',
  'packages/training',
  'packages/blocks',
  'packages/models',
  'packages/tasks',
  'apps',
  'tools',
]
  .filter((floor) => existsSync(join(root, floor)))
  .flatMap((floor) => readdirSync(join(root, floor)).map((name) => join(root, floor, name)))
  .filter((folder) => statSync(folder).isDirectory() && existsSync(join(folder, 'package.json')))

// attw counts an import of a package by itself as unresolved for Node 10, although the profile leaves that resolution out.
const selfReferring = (name) => (name === '@scanline/tensor' ? ['--exclude-entrypoints', 'samples'] : [])

const out = mkdtempSync(join(tmpdir(), 'scanline-pack-'))
let failed = 0
let packed = 0
function check(name, command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status === 0) return
  failed++
  console.error(`${name}: ${command} ${args.join(' ')}\n${stdout}${stderr}`)
}
try {
  for (const folder of folders) {
    const { name, private: hidden, bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    if (hidden) continue
    packed++
    check(name, 'pnpm', ['pack', '--pack-destination', out], folder)
    const tarball = join(
      out,
      readdirSync(out).find((f) => f.startsWith(`${name.replace('@', '').replace('/', '-')}-`)),
    )
    check(name, 'publint', ['--strict', tarball], root)
    // A package that is only a command has no types to look at.
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    if (exports || !bin) check(name, 'attw', ['--profile', 'esm-only', ...selfReferring(name), '--', tarball], root)
    rmSync(tarball)
  }
} finally {
  rmSync(out, { recursive: true, force: true })
}
if (failed > 0) process.exit(1)
console.log(`packages: ${packed} packed and checked by publint and attw`)

// Checks what architecture.md promises about imports: floors point down, packages declare what they import, there are
// no cycles, and nothing that a browser loads imports node:* statically.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** What each floor may import. A package of the same floor is allowed only where the floor lists itself. */
const floors = {
  'packages/core': ['packages/core'],
  'packages/backends': ['packages/core'],
  'packages/io': ['packages/core', 'packages/io'],
  'packages/training': ['packages/core', 'packages/io', 'packages/training'],
  'packages/blocks': ['packages/core'],
  'packages/models': ['packages/core', 'packages/io', 'packages/blocks', 'packages/models'],
  'packages/tasks': ['packages/core', 'packages/io', 'packages/blocks', 'packages/models'],
  apps: [
    'packages/core',
    'packages/io',
    'packages/training',
    'packages/blocks',
    'packages/models',
    'packages/tasks',
    'packages/backends',
  ],
  tools: [
    'packages/core',
    'packages/io',
    'packages/training',
    'packages/blocks',
    'packages/models',
    'packages/tasks',
    'packages/backends',
    'tools',
  ],
}
/** Tighter rules for single packages: all that they may import of Scanline. */
const tighter = {
  '@scanline/tensor': [],
  '@scanline/compile': ['@scanline/tensor'],
  '@scanline/nn': ['@scanline/tensor'],
  '@scanline/devices': ['@scanline/tensor', '@scanline/wasm', '@scanline/cpu'],
}
const backendsImport = ['@scanline/tensor']

/** Gradients of ops are written with ops, so the files of this folder refer to one another; all uses are inside functions. */
const cyclesAllowed = ['packages/core/tensor/src/ops/']

const problems = []

function sourceFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return name === 'fixtures' || name === 'node_modules' ? [] : sourceFiles(path)
    return /\.(ts|mts)$/.test(name) ? [path] : []
  })
}

/** Static imports with a run-time effect: `import type` and `export type` vanish. Comments, where examples stand, are no code. */
function importsOf(file) {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '')
  const found = []
  for (const [, type, clause, from] of text.matchAll(
    /^\s*(?:import|export)\s+(type\s)?([^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  )) {
    const names = /\{([^}]*)\}/.exec(clause ?? '')?.[1]
    const onlyTypes =
      type ||
      (names?.trim() && !/^\s*\w/.test(clause) && names.split(',').every((n) => !n.trim() || n.trim().startsWith('type ')))
    found.push({ from, onlyTypes: Boolean(onlyTypes) })
  }
  return found
}

const packages = ['packages/*/*', 'apps/*', 'tools/*']
  .flatMap((pattern) => expand(pattern))
  .filter((folder) => existsSync(join(root, folder, 'package.json')))
  .map((folder) => ({
    folder,
    floor: folder.startsWith('packages/') ? folder.split('/').slice(0, 2).join('/') : folder.split('/')[0],
    manifest: JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
  }))
const byName = new Map(packages.map((p) => [p.manifest.name, p]))

function expand(pattern) {
  const parts = pattern.split('/')
  let folders = ['']
  for (const part of parts) {
    folders = folders.flatMap((f) =>
      part === '*' ? (existsSync(join(root, f)) ? readdirSync(join(root, f)).map((n) => join(f, n)) : []) : [join(f, part)],
    )
  }
  return folders.filter((f) => existsSync(join(root, f)) && statSync(join(root, f)).isDirectory())
}

for (const { folder, floor, manifest } of packages) {
  const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
  const declaredForTests = new Set([...declared, ...Object.keys(manifest.devDependencies ?? {})])
  for (const part of ['src', 'samples', 'test', 'bench']) {
    for (const file of sourceFiles(join(root, folder, part))) {
      for (const { from } of importsOf(file)) {
        const name = /^@scanline\/[\w-]+/.exec(from)?.[0]
        if (!name || name === manifest.name) continue
        const where = relative(root, file)
        const target = byName.get(name)
        if (!target) problems.push(`${where}: imports ${name}, which is no package of this workspace`)
        else if (!(part === 'src' || part === 'samples' ? declared : declaredForTests).has(name))
          problems.push(`${where}: imports ${name}, which ${manifest.name} does not declare`)
        if (!target || (part !== 'src' && part !== 'samples')) continue
        const allowed = tighter[manifest.name] ?? (floor === 'packages/backends' ? backendsImport : undefined)
        if (allowed ? !allowed.includes(name) : !floors[floor].includes(target.floor))
          problems.push(`${where}: ${manifest.name} may not import ${name} (floors point down; see docs/architecture.md)`)
      }
    }
  }
}

/** Depth-first over an import graph; reports each cycle once, by the file that closes it. */
function findCycles(files, edges, name) {
  const state = new Map()
  const visit = (file, path) => {
    state.set(file, 'open')
    for (const next of edges(file)) {
      if (state.get(next) === 'open')
        problems.push(`import cycle: ${[...path.slice(path.indexOf(next)), file, next].map(name).join(' → ')}`)
      else if (!state.has(next)) visit(next, [...path, file])
    }
    state.set(file, 'done')
  }
  for (const file of files) if (!state.has(file)) visit(file, [])
}

function localImports(file) {
  return importsOf(file)
    .filter(({ from, onlyTypes }) => from.startsWith('.') && !onlyTypes)
    .map(({ from }) => resolve(dirname(file), from).replace(/\.js$/, '.ts'))
    .filter((path) => existsSync(path))
}

const isExempt = (file) => cyclesAllowed.some((prefix) => relative(root, file).startsWith(prefix))
for (const { folder } of packages) {
  const files = sourceFiles(join(root, folder, 'src')).filter((f) => !isExempt(f))
  findCycles(
    files,
    (f) => localImports(f).filter((g) => !isExempt(g)),
    (f) => relative(root, f),
  )
}
findCycles(
  packages.map((p) => p.manifest.name),
  (name) => Object.keys(byName.get(name)?.manifest.dependencies ?? {}).filter((d) => byName.has(d)),
  (name) => name,
)

/** Source entries of an exports tree as a browser resolves it, `node` conditions left out. */
function browserEntries(tree) {
  if (typeof tree === 'string') return [tree]
  for (const condition of ['@scanline/source', 'browser', 'default'])
    if (tree?.[condition]) return browserEntries(tree[condition])
  return []
}

for (const { folder, floor, manifest } of packages) {
  if (floor === 'apps' || floor === 'tools') continue
  for (const [subpath, tree] of Object.entries(manifest.exports ?? {})) {
    if (subpath === './node' || subpath.startsWith('./node/')) continue
    const seen = new Set()
    const visit = (file) => {
      if (seen.has(file) || !existsSync(file)) return
      seen.add(file)
      for (const { from, onlyTypes } of importsOf(file))
        if (from.startsWith('node:') && !onlyTypes)
          problems.push(
            `${relative(root, file)}: imports ${from}, but a browser reaches this file from ${manifest.name}${subpath.slice(1)}`,
          )
      localImports(file).forEach(visit)
    }
    for (const entry of browserEntries(tree)) visit(join(root, folder, entry))
  }
}

if (problems.length > 0) {
  console.error([...new Set(problems)].join('\n'))
  process.exit(1)
}
console.log(`floors: ${packages.length} packages, imports point down, no cycles`)

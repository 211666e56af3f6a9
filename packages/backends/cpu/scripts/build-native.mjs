// Builds the addon with the C++ compiler alone: no network, no node-gyp. Kernels are compiled once for each instruction
// set. Files whose sources have not changed are kept. Where there is no compiler it says so and succeeds.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const native = join(root, 'native')
/** `linux-arm64` as an argument compiles for that; $CXX must be a compiler for it, such as aarch64-linux-gnu-g++. */
const target = process.argv[2] ?? `${process.platform}-${process.arch}`
const [platform, arch] = target.split('-')
const addon = join(root, 'dist', 'native', target, 'scanline.node')
const compiler = process.env.CXX ?? 'g++'
/** Extra flags, as for a build with -fsanitize=address; its addon stays in a folder of its own, which is printed. */
const extra = (process.env.SCANLINE_CPU_FLAGS ?? '').split(' ').filter(Boolean)
const work = join(root, '.cache', extra.length > 0 ? `${target}-${digest(extra.join(' '))}` : target)

/** Flags for each instruction set, by architecture; native/levels.h lists the same ones. */
const levels = {
  x64: {
    avx2: ['-mavx2', '-mfma', '-mf16c', '-mtune=haswell'],
    avx512: [
      '-mavx512f',
      '-mavx512bw',
      '-mavx512dq',
      '-mavx512vl',
      '-mavx2',
      '-mfma',
      '-mf16c',
      '-mtune=icelake-server',
      '-mprefer-vector-width=512',
    ],
  },
  // GCC has had _Float16 in C++ for ARM since version 13 only; __fp16 are the same bits.
  arm64: { neon: ['-D_Float16=__fp16'] },
}[arch]

const { include } = createRequire(import.meta.url)('node-addon-api')
const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers')

const common = [
  '-std=c++17',
  '-O3',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Wno-ignored-attributes',
  // GCC 12 warns about its own intrinsics.
  '-Wno-uninitialized',
  '-Wno-maybe-uninitialized',
  '-Wno-psabi',
  `-I${native}`,
  ...extra,
]
const forNode = [
  '-DNAPI_VERSION=8',
  '-DNODE_ADDON_API_CPP_EXCEPTIONS',
  `-isystem${include.replaceAll('"', '')}`,
  `-isystem${headers}`,
]

function digest(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

const sources = (folder) =>
  readdirSync(join(native, folder))
    .filter((f) => f.endsWith('.cc'))
    .map((f) => join(native, folder, f))

/** A file with all that it includes of ours: what its object depends on. */
function closure(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(file)) return seen
  seen.add(file)
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^#include "(.+)"/gm))
    for (const base of [dirname(file), native]) closure(join(base, name), seen)
  return seen
}

function jobs() {
  const list = []
  const add = (file, flags, level) => {
    const name = `${level ? `${level}-` : ''}${relative(native, file).replaceAll('/', '-')}.o`
    const key = digest(
      [compiler, ...common, ...flags, ...[...closure(file)].sort().map((f) => readFileSync(f, 'utf8'))].join('\0'),
    )
    list.push({ file, level, object: join(work, name), stamp: join(work, `${name}.key`), key, flags: [...common, ...flags] })
  }
  for (const file of sources('.')) if (!file.endsWith('/level.cc')) add(file, forNode)
  for (const [level, flags] of Object.entries(levels))
    for (const file of [join(native, 'level.cc'), ...sources('simd'), ...sources('kernels')])
      add(file, [...flags, `-DSCANLINE_ISA=${level}`], level)
  return list
}

const call = (command, args) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', () => resolve(127))
    child.on('exit', (code) => resolve(code ?? 1))
  })

async function must(command, args) {
  if ((await call(command, args)) === 0) return
  throw new Error(`${command} failed`)
}

async function compileAll(list) {
  const stale = list.filter(
    ({ object, stamp, key }) => !existsSync(object) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== key,
  )
  const waiting = [...stale]
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      await must(compiler, [...job.flags, '-c', job.file, '-o', job.object])
      writeFileSync(job.stamp, job.key)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return stale.length > 0
}

/**
 * The objects of one level as one, with nothing visible but its table. Functions of the standard library that the compiler
 * did not inline would else be merged over all levels, and run AVX-512 on a processor that has none.
 */
async function isolate(level, objects) {
  const merged = join(work, `${level}.o`)
  await must(compiler, ['-r', '-nostdlib', ...extra, '-Wl,--force-group-allocation', '-o', merged, ...objects])
  // Mangled: scanline::level_avx2.
  const table = `level_${level}`
  await must('objcopy', [`--keep-global-symbol=_ZN8scanline${table.length}${table}E`, merged])
  return merged
}

async function build() {
  if (!levels) return console.log(`@scanline/cpu: no kernels for ${arch}; the wasm backend serves`)
  if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status !== 0)
    return console.log(`@scanline/cpu: there is no ${compiler}, so the native backend is not built; the wasm backend serves`)
  mkdirSync(work, { recursive: true })
  const list = jobs()
  const changed = await compileAll(list)
  const output = extra.length > 0 ? join(work, 'scanline.node') : addon
  if (!changed && existsSync(output)) return output === addon || console.log(output)
  const objects = list.filter((job) => !job.level).map((job) => job.object)
  const names = Object.keys(levels)
  const single = names.length === 1
  for (const level of names) {
    const own = list.filter((job) => job.level === level).map((job) => job.object)
    objects.push(...(single ? own : [await isolate(level, own)]))
  }
  mkdirSync(dirname(output), { recursive: true })
  const undefinedSymbols = platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const runtime =
    platform === 'linux' && extra.length === 0
      ? ['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL', '-Wl,--gc-sections']
      : []
  // Not in place: a process that has the old one loaded keeps it.
  await must(compiler, ['-shared', ...extra, ...runtime, ...undefinedSymbols, '-pthread', '-o', `${output}.new`, ...objects])
  renameSync(`${output}.new`, output)
  if (output !== addon) console.log(output)
}

try {
  await build()
} catch (error) {
  rmSync(addon, { force: true })
  console.error(`@scanline/cpu: ${error.message}`)
  process.exitCode = 1
}

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { DeviceError } from '@scanline/tensor'

/** A place where the addon was looked for, and why it could not be used. */
export interface Attempt {
  /** `SCANLINE_CPU_ADDON`, `the build of this checkout`, or a platform package. */
  readonly from: string
  readonly problem: string
  /** What a user can do about it. */
  readonly remedy: string
}

/** No native addon can be used here; `attempts` has what was tried, in order. */
export class NativeAddonError extends DeviceError {
  readonly attempts: readonly Attempt[]

  constructor(host: string, attempts: readonly Attempt[]) {
    const tried = attempts.map(({ from, problem, remedy }) => `${from} ${problem} (${remedy})`)
    super(`the native device does not run on ${host}: ${tried.join('; ')}; the wasm device runs everywhere`)
    this.attempts = attempts
  }
}

/** The platforms that a package is published for; scripts/platforms.mjs has the same ones. */
export const published: readonly string[] = [
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-arm64',
]

/** The C library that an executable was made for, by the loader that it names near its start. */
export function libcOf(executable: string): 'musl' | 'gnu' {
  const head = Buffer.alloc(4096)
  try {
    const file = openSync(executable, 'r')
    readSync(file, head, 0, head.length, 0)
    closeSync(file)
  } catch {
    // Most systems have glibc; a wrong guess is explained when loading fails.
  }
  return head.includes('/ld-musl-') ? 'musl' : 'gnu'
}

/** Where to look; all of it but for tests follows from the process. */
export interface Host {
  /** `linux-x64-gnu`, as in the names of the packages. */
  readonly platform: string
  /** The value of SCANLINE_CPU_ADDON: looked at alone. */
  readonly override: string | undefined
  /** What a build of this checkout writes. */
  readonly built: string
  readonly resolve: (name: string) => string
  readonly load: (path: string) => unknown
}

const require = createRequire(import.meta.url)

export function thisHost(): Host {
  const target = `${process.platform}-${process.arch}`
  return {
    platform: process.platform === 'linux' ? `${target}-${libcOf(process.execPath)}` : target,
    override: process.env['SCANLINE_CPU_ADDON'],
    built: fileURLToPath(new URL(`../dist/native/${target}/scanline.node`, import.meta.url)),
    resolve: (name) => require.resolve(name),
    load: (path) => require(path),
  }
}

/** What loading needs to know of the addon. */
interface Loadable {
  readonly levels: string
}

/**
 * The first addon that loads and has kernels for this processor: the one that SCANLINE_CPU_ADDON names, else what was built
 * in this checkout, else the package for this platform.
 *
 * @throws NativeAddonError with what was tried.
 */
export function findAddon(host: Host): Loadable {
  const attempts: Attempt[] = []
  for (const { from, path, missing } of places(host)) {
    const file = path()
    if (file === undefined) attempts.push({ from, ...missing })
    else {
      const found = load(host, from, file)
      if ('levels' in found) return found
      attempts.push(found)
    }
  }
  throw new NativeAddonError(host.platform, attempts)
}

interface Place {
  readonly from: string
  readonly path: () => string | undefined
  readonly missing: { readonly problem: string; readonly remedy: string }
}

function places({ platform, override, built, resolve }: Host): Place[] {
  const ifThere = (path: string) => () => (existsSync(path) ? path : undefined)
  if (override !== undefined && override !== '') {
    const missing = { problem: `names ${override}, which does not exist`, remedy: 'correct it, or unset it' }
    return [{ from: 'SCANLINE_CPU_ADDON', path: ifThere(override), missing }]
  }
  const name = `@scanline/cpu-${platform}`
  const installed = () => {
    try {
      return resolve(name)
    } catch {
      return undefined
    }
  }
  return [
    {
      from: 'the build of this checkout',
      path: ifThere(built),
      missing: {
        problem: `is not there (${built})`,
        remedy: 'in a checkout, npm run build makes it where there is a C++ compiler',
      },
    },
    {
      from: name,
      path: installed,
      missing: published.includes(platform)
        ? { problem: 'is not installed', remedy: 'install again on this machine, with optional dependencies' }
        : { problem: 'does not exist', remedy: `there are packages for ${published.join(', ')}` },
    },
  ]
}

function load({ load }: Host, from: string, path: string): Loadable | Attempt {
  try {
    const addon = load(path) as Loadable
    if (addon.levels !== '') return addon
    return { from, problem: 'has no kernels for this processor', remedy: 'on x64 AVX2 and FMA are the least' }
  } catch (error) {
    return { from, ...explainFailure(error instanceof Error ? error.message : String(error), path) }
  }
}

/** What the system's loader said, and what helps. */
export function explainFailure(message: string, path: string): { readonly problem: string; readonly remedy: string } {
  const [glibc] = [...message.matchAll(/GLIBC_(\d[\d.]*\d)' not found/g)].map(([, version]) => version)
  if (glibc !== undefined)
    return { problem: `needs glibc ${glibc} or newer`, remedy: 'use a newer system, or build it on this one, in a checkout' }
  const problem = `could not be loaded (${message.includes(path) ? message : `${path}: ${message}`})`
  // glibc says "cannot open" of a file for another processor; it is there, else it would not have been tried.
  const foreign =
    /invalid ELF header|wrong ELF class|cannot open shared object|Error relocating|not a mach-o|incompatible architecture/i
  if (foreign.test(message))
    return { problem, remedy: 'it was made for another system; install again on this machine instead of copying node_modules' }
  return { problem, remedy: 'install or build it again' }
}

// Makes platform packages of the addons that were built: `node scripts/pack-native.mjs <folder> [--glibc 2.28]`. Each
// becomes <folder>/cpu-<platform>, which `npm publish` takes as it is. Prints one line for each; refuses an addon that
// needs a newer glibc, or libraries that are not on every system.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { packageName, platformManifest, platforms } from './platforms.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const built = join(root, 'dist', 'native')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const { positionals, values } = parseArgs({
  allowPositionals: true,
  // Node's own builds need 2.28, so with it an addon runs wherever they do.
  options: { glibc: { type: 'string', default: '2.28' } },
})

/** What every Linux system with Node on it has. */
const everywhere = /^(ld-linux.*|ld-musl.*|lib(c|m|dl|pthread|rt)\.so\.\d|libc\.musl-.*)$/

const newer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0

/** Of an ELF file: which C library it wants and, if glibc, the version. */
function inspect(file) {
  const text = execFileSync('readelf', ['--dynamic', '--version-info', '--wide', file], { encoding: 'utf8' })
  const needed = [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name)
  const versions = [...text.matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, version]) => version)
  return {
    libc: needed.some((name) => name.includes('musl')) ? 'musl' : 'gnu',
    glibc: versions.reduce((a, b) => (newer(a, b) ? a : b), ''),
    odd: needed.filter((name) => !everywhere.test(name)),
  }
}

function pack(target, folder) {
  const addon = join(built, target, 'scanline.node')
  const { libc, glibc, odd } = target.startsWith('linux-') ? inspect(addon) : { glibc: '', odd: [] }
  const platform = libc ? `${target}-${libc}` : target
  if (!Object.hasOwn(platforms, platform)) throw new Error(`${platform} is not in scripts/platforms.mjs`)
  if (odd.length > 0) throw new Error(`${addon} needs ${odd.join(', ')}; link it statically`)
  if (glibc !== '' && newer(glibc, values.glibc)) {
    const ways = `build it on an older system (such as the image manylinux_2_28), or say --glibc ${glibc}`
    throw new Error(`${addon} needs glibc ${glibc}, newer than ${values.glibc}; ${ways}`)
  }
  const out = join(folder, `cpu-${platform}`)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  copyFileSync(addon, join(out, 'scanline.node'))
  copyFileSync(join(root, '..', '..', '..', 'LICENSE'), join(out, 'LICENSE'))
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(platformManifest(platform, manifest), null, 2)}\n`)
  const from = glibc === '' ? '' : `, glibc ${glibc} or newer`
  writeFileSync(
    join(out, 'README.md'),
    `# ${packageName(platform)}\n\nThe native addon of [@scanline/cpu](https://www.npmjs.com/package/@scanline/cpu) for ${platform}${from}.\nIt comes with that package; there is nothing to install by hand.\n`,
  )
  console.log(`${packageName(platform)}@${manifest.version}${from}: ${out}`)
}

try {
  const [folder] = positionals
  if (folder === undefined) throw new Error('name the folder to write to: pack-native.mjs <folder> [--glibc 2.28]')
  const targets = existsSync(built) ? readdirSync(built).filter((t) => existsSync(join(built, t, 'scanline.node'))) : []
  if (targets.length === 0) throw new Error('no addon was built; run scripts/build-native.mjs first')
  for (const target of targets) pack(target, folder)
} catch (error) {
  console.error(`@scanline/cpu: ${error.message}`)
  process.exitCode = 1
}

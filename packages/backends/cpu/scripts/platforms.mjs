// Where the addon is published for. Each has a package of its own, which npm installs only where `os`, `cpu` and `libc`
// fit; @scanline/cpu names all of them, at its own version, in optionalDependencies (.pnpmfile.mjs, when it is packed).

/** By the end of the package's name; src/find-addon.ts has the same names. */
export const platforms = {
  'linux-x64-gnu': { os: 'linux', cpu: 'x64', libc: 'glibc' },
  'linux-x64-musl': { os: 'linux', cpu: 'x64', libc: 'musl' },
  'linux-arm64-gnu': { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'linux-arm64-musl': { os: 'linux', cpu: 'arm64', libc: 'musl' },
  'darwin-arm64': { os: 'darwin', cpu: 'arm64' },
}

export const packageName = (platform) => `@scanline/cpu-${platform}`

/** The manifest of a platform package, made of the manifest of @scanline/cpu. */
export function platformManifest(platform, { version, license, engines, repository, publishConfig }) {
  const { os, cpu, libc } = platforms[platform]
  return {
    name: packageName(platform),
    version,
    description: `The native addon of @scanline/cpu for ${platform}.`,
    license,
    engines,
    repository,
    type: 'commonjs',
    main: './scanline.node',
    files: ['scanline.node'],
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    publishConfig,
  }
}

/** A package of another version would not fit the JavaScript that calls it, so the versions are exact. */
export const withPlatforms = (manifest) => ({
  ...manifest,
  optionalDependencies: {
    ...manifest.optionalDependencies,
    ...Object.fromEntries(Object.keys(platforms).map((platform) => [packageName(platform), manifest.version])),
  },
})

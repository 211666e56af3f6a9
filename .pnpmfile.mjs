// What is published differs from what stands here in one thing: the platform packages of the native addon are made by the
// release, so they are dependencies only of what is packed.
import { withPlatforms } from './packages/backends/cpu/scripts/platforms.mjs'

export const hooks = {
  beforePacking: (manifest) => (manifest.name === '@scanline/cpu' ? withPlatforms(manifest) : manifest),
}

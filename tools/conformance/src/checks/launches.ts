import type { OpCall } from '@scanline/tensor'
import { ConformanceError } from '../compare.js'
import { exactJson, throughJson, whyNotPlain } from '../plain.js'
import { Trial } from '../trial.js'
import { wrapBackend } from '../wrap.js'
import type { Check } from './check.js'
import { expectReference } from './forward.js'

/** `select` is a function of the call alone, and what it gives is plain data: a copy of it runs as well. */
export const launches: Check = {
  name: 'launches',
  run: async ({ sample, backend, reference }) => {
    const select = (call: OpCall): ReturnType<typeof backend.select> => {
      const launch = backend.select(call)
      if ('refused' in launch) return launch
      const flaw = whyNotPlain(launch, 'launch')
      if (flaw) throw new ConformanceError(`select(${call.op}) must give plain data: ${flaw}`)
      if (exactJson(launch) !== exactJson(backend.select(throughJson(call))))
        throw new ConformanceError(
          `select(${call.op}) gave two launches for one call; it may depend on the call and the capabilities only`,
        )
      return throughJson(launch)
    }
    const watched = new Trial(sample, wrapBackend(backend, { select }), reference)
    expectReference(watched, await watched.eager(), await watched.expected(), 'the result of a copied launch')
  },
}

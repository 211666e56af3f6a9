import type { KernelSpec } from '../kernel.js'
import { refuseTypes } from '../refuse.js'
import { selectScan } from '../scan.js'

/** The selective scan: vectors over channels, states in registers. */
export const selectiveScan: KernelSpec = {
  name: 'selectiveScan',
  op: 'selectiveScan',
  select: (call) => refuseTypes(call, ['f32']) ?? { kernel: 'selectiveScan', ...selectScan(call) },
}

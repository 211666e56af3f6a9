import type { ScanGradAttrs } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { refuseTypes } from '../refuse.js'
import { selectScan } from '../scan.js'

/** The gradients of a selective scan; states are computed again. */
export const selectiveScanGrad: KernelSpec = {
  name: 'selectiveScanGrad',
  op: 'selectiveScanGrad',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const { params: scan, ...prepare } = selectScan(call)
    const { parts } = call.attrs as unknown as ScanGradAttrs
    const params: Params = { scan, parts }
    return { kernel: 'selectiveScanGrad', params, ...prepare }
  },
}

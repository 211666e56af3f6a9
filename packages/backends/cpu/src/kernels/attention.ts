import type { KernelSpec, Params } from '../kernel.js'
import { refuseTypes } from '../refuse.js'
import { packLaunch } from './pack-matrix.js'

/** Attention whose memory is linear in the number of keys: packed keys and values, scores of a block at a time. */
export const attention: KernelSpec = {
  name: 'attention',
  op: 'attention',
  select: (call, target) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const [q, k, v] = call.inputs
    const dims = q.shape.slice(0, -2)
    const [queries, depth] = q.shape.slice(-2)
    const [keys, width] = v.shape.slice(-2)
    if (keys === 0) return { refused: 'attention needs a key' }
    const [strides, keyStrides, valueStrides] = [q, k, v].map((x) => ({
      outer: x.strides.slice(0, -2),
      inner: x.strides.slice(-2),
    }))
    const packedKeys = packLaunch(
      {
        ...{ dims, strides: keyStrides.outer },
        ...{ rowDims: [depth], rowStrides: [keyStrides.inner[1]], columns: keys, columnStride: keyStrides.inner[0] },
      },
      target,
    )
    const packedValues = packLaunch(
      {
        ...{ dims, strides: valueStrides.outer },
        ...{ rowDims: [keys], rowStrides: [valueStrides.inner[0]], columns: width, columnStride: valueStrides.inner[1] },
      },
      target,
    )
    const params: Params = {
      ...{ dims, strides: strides.outer, queries, keys, depth, width },
      ...{ rowStride: strides.inner[0], columnStride: strides.inner[1], scale: call.attrs.scale as number },
    }
    return {
      kernel: 'attention',
      params,
      prepare: [
        { input: 1, ...packedKeys },
        { input: 2, ...packedValues },
      ],
    }
  },
}

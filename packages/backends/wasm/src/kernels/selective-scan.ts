import { v128 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { refuseTypes } from '../refuse.js'
import { eachBlock, emitLastState, emitScan, type Scan, scanCost, scanItems, scanLoops, scratchBytes } from '../scan-block.js'
import { gated, outputSequence, type ScanParams, ScanReader, selectScan } from '../scan-steps.js'

type Params = ScanParams & Split

/** An item is up to sixteen channels of one sequence, from its first step to its last. */
export const selectiveScan = defineKernel<Params>({
  name: 'selectiveScan',
  op: 'selectiveScan',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const { params, ...prepare } = selectScan(call)
    return {
      kernel: 'selectiveScan',
      params: { ...params, ...split(scanItems(params), scanCost(params)) },
      scratch: capabilities.threads * scratchBytes(params),
      ...prepare,
    }
  },
  emit: (k, params) => {
    const { outer, gate, lastState } = params
    const loops = scanLoops(k, params)
    return k.define(outer.length + (lastState ? 3 : 2), (f, pointers, { begin, end, thread }) => {
      const scratch = f.let(element(pointers[pointers.length - 1], thread, scratchBytes(params)))
      f.for(begin, end, 1, (item) =>
        eachBlock(f, params, item, (spots) => {
          const z = gate ? new ScanReader(f, params, pointers, spots[0]).start('z') : undefined
          const y = outputSequence(f, params, pointers[outer.length], spots[0])
          const scan: Scan = {
            ...{ params, pointers, spots, scratch, loops, y, z },
            finish: (g, total, rows) => (gate ? gated(k, g, total, v128.load(rows.z, rows.offset)) : total),
          }
          emitScan(k, f, scan)
          if (lastState) emitLastState(f, scan, pointers[outer.length + 1])
        }),
      )
    })
  },
})
